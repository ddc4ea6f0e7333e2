#include "python/tealet_name.hpp"

#include "python/attribute.hpp"
#include "python/called_function.hpp"
#include "python/main_type.hpp"
#include "python/pybind11_layout.hpp"
#include "python/tealet_type.hpp"

namespace tealetpp {

bool is_name(PyObject* name) {
  if (PyUnicode_Check(name)) return true;
  PyErr_Format(PyExc_TypeError, "a name must be a str, not %R", name);
  return false;
}

bool give_name(PyObject* self, PyObject* name) {
  if (name != nullptr) {
    name = PyUnicode_FromObject(name);
    if (name == nullptr) return false;
  }
  Py_XSETREF(spare_reference(self), name);
  return true;
}

namespace {

// The qualified name of what `callable` calls, or its repr() if it has none.
PyObject* name_of_callable(PyObject* callable) {
  callable = Py_NewRef(without_partials(callable));
  PyObject* name = attribute(callable, "__qualname__");
  if (name == nullptr) {
    PyErr_Clear();
  } else if (!PyUnicode_CheckExact(name)) {
    Py_CLEAR(name);
  }
  if (name == nullptr) name = PyObject_Repr(callable);
  Py_DECREF(callable);
  return name;
}

}  // namespace

PyObject* name_for_repr(PyObject* self) {
  if (PyObject* const given = spare_reference(self)) return Py_NewRef(given);
  const Node* const node = as_tealet(self)->node;
  PyObject* const function = node != nullptr ? function_of(*as_tealet(self)) : nullptr;
  return function != nullptr ? name_of_callable(function) : Py_NewRef(Py_None);
}

PyObject* name_of(PyObject* self) {
  const bool is_unnamed_main =
      PyObject_TypeCheck(self, main_type) && spare_reference(self) == nullptr;
  return is_unnamed_main ? PyUnicode_InternFromString("main") : name_for_repr(self);
}

}  // namespace tealetpp
