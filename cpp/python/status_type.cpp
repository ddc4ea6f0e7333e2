// The enumeration Status. Python makes it: pybind11 would be around Python code then.
#include "python/status_type.hpp"

#include <array>

#include "python/attribute.hpp"
#include "python/guarded.hpp"

namespace tealetpp {

using tealet::Status;

namespace {

struct Member {
  Status status;
  const char* name;
  const char* doc;
};

constexpr std::array<Member, 6> members{{
    {Status::New, "NEW", "has not begun"},
    {Status::Stub, "STUB", "has a captured stack, and no function yet"},
    {Status::Suspended, "SUSPENDED", "is paused"},
    {Status::Running, "RUNNING", "is the one that runs now"},
    {Status::Exited, "EXITED", "has ended"},
    {Status::Defunct, "DEFUNCT", "cannot be resumed: its stack was given up"},
}};

// Strong, and by value; nullptr until they are made.
std::array<PyObject*, members.size()> objects{};

// enum.Enum("Status", {name: value, ...}, module="tealetpp"); nullptr with an exception set.
PyObject* make_enumeration() {
  PyObject* module = PyImport_ImportModule("enum");
  PyObject* base = module != nullptr ? attribute(module, "Enum") : nullptr;
  PyObject* values = base != nullptr ? PyDict_New() : nullptr;
  for (const Member& member : members) {
    if (values == nullptr) break;
    PyObject* value = PyLong_FromLong(static_cast<long>(member.status));
    if (value == nullptr || PyDict_SetItemString(values, member.name, value) != 0) {
      Py_CLEAR(values);
    }
    Py_XDECREF(value);
  }
  PyObject* arguments = values != nullptr ? Py_BuildValue("(sO)", "Status", values) : nullptr;
  PyObject* keywords = arguments != nullptr ? Py_BuildValue("{ss}", "module", "tealetpp") : nullptr;
  PyObject* type = keywords != nullptr ? PyObject_Call(base, arguments, keywords) : nullptr;
  for (PyObject* object : {module, base, values, arguments, keywords}) Py_XDECREF(object);
  return type;
}

bool set_doc(PyObject* object, const char* text) {
  PyObject* doc = PyUnicode_FromString(text);
  const bool set = doc != nullptr && PyObject_SetAttrString(object, "__doc__", doc) == 0;
  Py_XDECREF(doc);
  return set;
}

bool find_members(PyObject* type) {
  if (!set_doc(type, "What a tealet is doing.")) return false;
  std::array<PyObject*, members.size()> found{};
  bool complete = true;
  for (const Member& member : members) {
    PyObject*& object = found[static_cast<std::size_t>(member.status)];
    object = attribute(type, member.name);
    complete = complete && object != nullptr && set_doc(object, member.doc);
  }
  // Another thread may have been faster.
  if (complete && objects[0] == nullptr) {
    objects = found;
    return true;
  }
  for (PyObject* object : found) Py_XDECREF(object);
  return complete;
}

// Made at its first use: importing enum takes longer than everything else in the module. Runs
// Python code. False with an exception set.
bool make_status() {
  if (objects[0] != nullptr) return true;
  PyObject* type = make_enumeration();
  const bool made = type != nullptr && find_members(type);
  Py_XDECREF(type);
  return made;
}

// The module's __getattr__(): called for what the module does not have.
PyObject* get_missing(PyObject* module, PyObject* name) {
  if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "Status") == 0) {
    if (!make_status()) return nullptr;
    auto* const type = reinterpret_cast<PyObject*>(Py_TYPE(objects[0]));
    return PyModule_AddObjectRef(module, "Status", type) == 0 ? Py_NewRef(type) : nullptr;
  }
  PyErr_Format(PyExc_AttributeError, "module 'tealetpp._tealetpp' has no attribute %R", name);
  return nullptr;
}

PyMethodDef function = {"__getattr__", guarded<get_missing>, METH_O,
                        "__getattr__(name, /)\n--\n\nMake Status, when it is first asked for."};

}  // namespace

PyObject* to_python(Status status) {
  return make_status() ? Py_NewRef(objects[static_cast<std::size_t>(status)]) : nullptr;
}

bool add_status(PyObject* module) {
  PyObject* const made = PyCFunction_New(&function, module);
  const bool added = made != nullptr && PyModule_AddObjectRef(module, "__getattr__", made) == 0;
  Py_XDECREF(made);
  return added;
}

}  // namespace tealetpp
