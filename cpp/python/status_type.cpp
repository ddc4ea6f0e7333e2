// The enumeration Status. The functional API of Python's enum makes it: pybind11's py::native_enum
// would run that Python code inside its own functions. See guarded.hpp.
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

// Strong references, indexed by value. Set when the module is imported.
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
  for (const Member& member : members) {
    PyObject*& object = objects[static_cast<std::size_t>(member.status)];
    Py_XSETREF(object, attribute(type, member.name));
    if (object == nullptr || !set_doc(object, member.doc)) return false;
  }
  return true;
}

}  // namespace

PyObject* to_python(Status status) noexcept {
  return Py_NewRef(objects[static_cast<std::size_t>(status)]);
}

bool add_status(PyObject* module) {
  return guard([&] {
    PyObject* const type = make_enumeration();
    const bool added =
        type != nullptr && find_members(type) && PyModule_AddObjectRef(module, "Status", type) == 0;
    Py_XDECREF(type);
    return added;
  });
}

}  // namespace tealetpp
