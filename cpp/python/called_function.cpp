#include "python/called_function.hpp"

#include "python/type_name.hpp"

namespace tealetpp {

namespace {

// How many layers are looked through. A program can make a cycle of callables.
constexpr int most_layers = 32;

// Whether calling `object` is what functools.partial does: a subclass may have a __call__ of its
// own.
bool is_partial(const PyObject* object) noexcept {
  const PyTypeObject* const partial = type_named("functools.partial", object);
  return partial != nullptr && Py_TYPE(object)->tp_call == partial->tp_call;
}

// An attribute that is a member of a built-in type. Borrowed from `object`, or nullptr.
PyObject* member(PyObject* object, const char* name) {
  PyObject* const interned = PyUnicode_InternFromString(name);
  PyObject* const value = interned != nullptr ? PyObject_GenericGetAttr(object, interned) : nullptr;
  Py_XDECREF(interned);
  if (value == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  Py_DECREF(value);
  return value;
}

// What `callable` calls; borrowed, nullptr if that is unknown.
PyObject* called_by(PyObject* callable) {
  if (PyMethod_Check(callable)) return PyMethod_GET_FUNCTION(callable);
  if (is_partial(callable)) return member(callable, "func");
  if (PyObject_TypeCheck(callable, &PyStaticMethod_Type)) return member(callable, "__func__");
  if ((Py_TYPE(callable)->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) return nullptr;
  static PyObject* name = nullptr;
  if (name == nullptr) name = PyUnicode_InternFromString("__call__");
  if (name == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  return _PyType_Lookup(Py_TYPE(callable), name);
}

}  // namespace

PyObject* called_function(PyObject* callable) {
  for (int layer = 0; layer < most_layers && callable != nullptr; ++layer) {
    if (PyFunction_Check(callable)) return callable;
    callable = called_by(callable);
  }
  return nullptr;
}

PyObject* without_partials(PyObject* callable) {
  for (int layer = 0; layer < most_layers && is_partial(callable); ++layer) {
    PyObject* const wrapped = member(callable, "func");
    if (wrapped == nullptr) break;
    callable = wrapped;
  }
  return callable;
}

}  // namespace tealetpp
