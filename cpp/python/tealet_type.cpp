#include "python/tealet_type.hpp"

#include "python/guarded.hpp"
#include "python/lifetime.hpp"
#include "python/main_type.hpp"
#include "python/paused_frames.hpp"
#include "python/python_costs.hpp"
#include "python/python_domain.hpp"
#include "python/registry.hpp"
#include "python/tealet_attributes.hpp"
#include "python/tealet_dict.hpp"
#include "python/tealet_gc.hpp"
#include "python/tealet_methods.hpp"
#include "python/tealet_name.hpp"

namespace tealetpp {

PyTypeObject* tealet_type = nullptr;

// A program may have a million tealets, so their size is fixed here.
static_assert(sizeof(Instance<Main>) == 96 || sizeof(void*) != 8);

namespace {

// A new object of `type`, a Tealet or Main; nullptr with an exception set.
PyObject* new_object(PyTypeObject* type) {
  PyObject* object = allocate_instance(type);
  if (object == nullptr) return nullptr;
  as_tealet(object)->object = object;
  begin_without_attributes(object);
  return object;
}

}  // namespace

Tealet* new_tealet() {
  PyObject* const object = new_object(tealet_type);
  if (object == nullptr) return nullptr;
  show_value<Main>(object);
  return as_tealet(object);
}

PyObject* function_of(const Tealet& tealet) noexcept {
  return tealet.node != nullptr ? execution_of(*tealet.node).function : nullptr;
}

bool is_usable(Tealet* tealet) {
  PythonDomain* const domain = tealet->domain;
  if (domain != nullptr) return domain->end_pending() && domain->is_ready(tealet);
  PyErr_SetString(PyExc_TypeError, "this tealet was never initialised: Main.tealet() makes them");
  return false;
}

namespace {

PyObject* slot_repr(PyObject* self) {
  PyObject* name = name_for_repr(self);
  if (name == nullptr) return nullptr;
  const char* type = Py_TYPE(self)->tp_name;
  const char* status = tealet::describe(status_of(*as_tealet(self)));
  PyObject* text = name != Py_None
                       ? PyUnicode_FromFormat("<%s %R %s at %p>", type, name, status, self)
                       : PyUnicode_FromFormat("<%s %s at %p>", type, status, self);
  Py_DECREF(name);
  return text;
}

int slot_bool(PyObject* self) {
  const Status status = status_of(*as_tealet(self));
  return status != Status::New && status != Status::Exited;
}

// Replaces pybind11's slot, which calls Python's API in destructors and exception handlers: see
// guarded.hpp.
PyObject* slot_new(PyTypeObject* type, PyObject*, PyObject*) {
  if (has_other_values(type, {tealet_type, main_type})) {
    PyErr_Format(PyExc_TypeError, "%s cannot also derive from other extension types",
                 type->tp_name);
    return nullptr;
  }
  return new_object(type);
}

void refuse_to_create(PyTypeObject* type) {
  PyErr_Format(PyExc_TypeError,
               "%s cannot be called to create a tealet: use Main.tealet() or Main.stub()",
               type->tp_name);
}

int slot_init(PyObject* self, PyObject*, PyObject*) {
  refuse_to_create(Py_TYPE(self));
  return -1;
}

// Creates an object when Tealet, Main or a subclass is called. Replaces pybind11's slot, as above.
PyObject* call_type(PyObject* type, PyObject* arguments, PyObject* keywords) {
  PyObject* self = PyType_Type.tp_call(type, arguments, keywords);
  if (self == nullptr || !PyObject_TypeCheck(self, tealet_type)) return self;
  if (as_tealet(self)->domain != nullptr) return self;
  if (PyObject_TypeCheck(self, main_type)) {
    PyErr_Format(PyExc_TypeError, "%s.__init__() must be called when overriding __init__",
                 main_type->tp_name);
  } else {
    refuse_to_create(Py_TYPE(self));
  }
  Py_DECREF(self);
  return nullptr;
}

void slot_dealloc(PyObject* self) {
  Tealet* tealet = as_tealet(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject* main = nullptr;
  PyObject_GC_UnTrack(self);
  if (tealet->domain != nullptr) {
    // Alive again while the tealet ends. Any code may run then, and store a reference to it.
    Py_SET_REFCNT(self, 1);
    end_unreachable(tealet);
    Py_SET_REFCNT(self, Py_REFCNT(self) - 1);
    if (Py_REFCNT(self) != 0) {
      PyObject_GC_Track(self);
      return;
    }
    main = main_object_of(tealet);
    tealet->domain->object_bytes -= object_bytes_of(self);
  }
  drop_references(self);
  type->tp_free(self);
  Py_XDECREF(main);
  Py_DECREF(type);
}

void set_up(PyHeapTypeObject* heap) {
  PyTypeObject& type = heap->ht_type;
  type.tp_name = "tealetpp.Tealet";
  type.tp_basicsize = sizeof(Instance<Main>);
  allow_attributes(type);
  type.tp_flags |= Py_TPFLAGS_HAVE_GC;
  type.tp_methods = tealet_methods;
  type.tp_getset = tealet_attributes;
  type.tp_repr = guarded<slot_repr>;
  type.tp_new = guarded<slot_new>;
  type.tp_init = guarded<slot_init>;
  type.tp_dealloc = guarded<slot_dealloc>;
  type.tp_traverse = guarded<tealet_traverse>;
  type.tp_clear = guarded<tealet_clear>;
  type.tp_finalize = guarded<tealet_finalize>;
  heap->as_number.nb_bool = guarded<slot_bool>;
}

}  // namespace

void drop_references(PyObject* self) {
  clear_weak_references(self);
  Py_CLEAR(spare_reference(self));
  drop_attributes(self);
}

py::metaclass tealet_metaclass() {
  static const py::metaclass made =
      make_metaclass("tealetpp._tealetpp.TealetType", guarded<call_type>);
  return made;
}

void register_tealet(py::module_& module) {
  const py::class_<Tealet> type(module, "Tealet", tealet_metaclass(), py::custom_type_setup(set_up),
                                "A coroutine that can pause in the middle of any call. Made by "
                                "Main.tealet() and Main.stub().\n"
                                "A context manager: leaving it closes the tealet.");
  tealet_type = reinterpret_cast<PyTypeObject*>(type.ptr());
  for (const char* name : {"switch", "run", "throw", "close"}) {
    add_pausing_method(PyDict_GetItemString(tealet_type->tp_dict, name));
  }
}

}  // namespace tealetpp
