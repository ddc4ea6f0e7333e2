// How pybind11 makes objects without their value: tp_new of its base type, and of what inherits it.
#include "python/guarded.hpp"
#include "python/registry.hpp"

namespace tealetpp {

namespace {

PyObject* new_instance(PyTypeObject* type, PyObject*, PyObject*) {
  try {
    if (py::detail::all_type_info(type).empty()) {
      PyErr_Format(PyExc_TypeError, "cannot create '%s' instances", type->tp_name);
      return nullptr;
    }
    PyObject* self = guard([&] { return type->tp_alloc(type, 0); });
    if (self == nullptr) return nullptr;
    try {
      reinterpret_cast<py::detail::instance*>(self)->allocate_layout();
    } catch (...) {
      Py_DECREF(self);
      throw;
    }
    return self;
  } catch (py::error_already_set& error) {
    error.restore();
    return nullptr;
  } catch (...) {
    return PyErr_NoMemory();
  }
}

}  // namespace

void guard_base_type() {
  py::handle base = py::detail::get_internals().instance_base;
  // CPython requires that a type and its base have the same tp_new. A type that has inherited the
  // old one would break that.
  if (py::len(base.attr("__subclasses__")()) != 0) return;
  reinterpret_cast<PyTypeObject*>(base.ptr())->tp_new = guarded<new_instance>;
}

}  // namespace tealetpp
