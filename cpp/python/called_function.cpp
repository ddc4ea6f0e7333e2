#include "python/called_function.hpp"

#include "python/type_name.hpp"

namespace tealetpp {

namespace {

// How many layers are looked through. A program can make a cycle of callables.
constexpr int most_layers = 32;

// The type functools.partial if calling `object` is what it does; else nullptr. A subclass may have
// a __call__ of its own.
const PyTypeObject* partial_type_of(const PyObject* object) noexcept {
  const PyTypeObject* const partial = type_named("functools.partial", object);
  return partial != nullptr && Py_TYPE(object)->tp_call == partial->tp_call ? partial : nullptr;
}

// The value of a member of the built-in type `type`, which a subclass may hide behind a property:
// that would run code, and make an object that nobody keeps. Borrowed from `object`, or nullptr.
PyObject* member(PyObject* object, const PyTypeObject* type, const char* name) {
  auto* const its_type = const_cast<PyTypeObject*>(type);
  PyObject* const interned = PyUnicode_InternFromString(name);
  PyObject* const found = interned != nullptr ? _PyType_Lookup(its_type, interned) : nullptr;
  Py_XDECREF(interned);
  const bool is_member = found != nullptr && Py_IS_TYPE(found, &PyMemberDescr_Type);
  PyObject* const value =
      is_member ? PyMemberDescr_Type.tp_descr_get(found, object, nullptr) : nullptr;
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
  if (const PyTypeObject* const partial = partial_type_of(callable)) {
    return member(callable, partial, "func");
  }
  if (PyObject_TypeCheck(callable, &PyStaticMethod_Type)) {
    return member(callable, &PyStaticMethod_Type, "__func__");
  }
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
  for (int layer = 0; layer < most_layers; ++layer) {
    const PyTypeObject* const partial = partial_type_of(callable);
    PyObject* const wrapped = partial != nullptr ? member(callable, partial, "func") : nullptr;
    if (wrapped == nullptr) break;
    callable = wrapped;
  }
  return callable;
}

PyObject* innermost_callable(PyObject* callable) {
  for (int layer = 0; layer < most_layers; ++layer) {
    if (PyFunction_Check(callable) || PyType_Check(callable)) break;
    PyObject* const called = called_by(callable);
    // A slot of a type, which knows nothing of what the object calls.
    if (called == nullptr || Py_IS_TYPE(called, &PyWrapperDescr_Type)) break;
    callable = called;
  }
  return callable;
}

}  // namespace tealetpp
