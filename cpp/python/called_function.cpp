#include "python/called_function.hpp"

#include "python/callable_layers.hpp"

namespace tealetpp {

namespace {

// What `callable` calls; borrowed, nullptr if that is unknown.
PyObject* called_by(PyObject* callable) {
  if (PyMethod_Check(callable)) return PyMethod_GET_FUNCTION(callable);
  if (PyObject* const function = partial_in(callable).function) return function;
  if (PyObject* const function = function_in_static_method(callable)) return function;
  return call_attribute(callable);
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
    PyObject* const wrapped = partial_in(callable).function;
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
