#include "python/runnable.hpp"

#include <cstring>

#include "python/attribute.hpp"

namespace tealetpp {

namespace {

// How many layers are looked through. A program can make a cycle of callables.
constexpr int most_layers = 32;

bool is_partial(const PyObject* object) noexcept {
  for (const PyTypeObject* type = Py_TYPE(object); type != nullptr; type = type->tp_base) {
    if (std::strcmp(type->tp_name, "functools.partial") == 0) return true;
  }
  return false;
}

// The Python function that `callable` calls in the end, through methods, partial() and objects with
// __call__(). A new reference; nullptr if it is not a Python function. Sets no exception.
PyObject* find_function(PyObject* callable) {
  Py_INCREF(callable);
  for (int layer = 0; layer < most_layers && callable != nullptr; ++layer) {
    if (PyFunction_Check(callable)) return callable;
    PyObject* inner = nullptr;
    if (PyMethod_Check(callable)) {
      inner = Py_NewRef(PyMethod_GET_FUNCTION(callable));
    } else if (is_partial(callable)) {
      inner = attribute(callable, "func");
    } else if (Py_TYPE(callable)->tp_flags & Py_TPFLAGS_HEAPTYPE) {
      inner = attribute(reinterpret_cast<PyObject*>(Py_TYPE(callable)), "__call__");
    }
    PyErr_Clear();
    Py_DECREF(callable);
    callable = inner;
  }
  Py_XDECREF(callable);
  return nullptr;
}

}  // namespace

bool is_runnable_slow(PyObject* callable, const char* not_callable) {
  if (!PyCallable_Check(callable)) {
    PyErr_Format(PyExc_TypeError, not_callable, callable);
    return false;
  }
  PyObject* const function = find_function(callable);
  if (function == nullptr) return true;
  const int flags = reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(function))->co_flags;
  Py_DECREF(function);
  if ((flags & CO_ASYNC_GENERATOR) != 0) {
    PyErr_Format(PyExc_TypeError,
                 "%R is an asynchronous generator function: calling it runs nothing. Pass a "
                 "function that iterates over it in an event loop, with asyncio.run() for one",
                 callable);
  } else if ((flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE)) != 0) {
    PyErr_Format(PyExc_TypeError,
                 "%R is a coroutine function: calling it runs nothing. Pass a function that runs "
                 "the coroutine, with asyncio.run() for one",
                 callable);
  } else if ((flags & CO_GENERATOR) != 0) {
    PyErr_Format(PyExc_TypeError,
                 "%R is a generator function: calling it runs nothing. Pass a function that "
                 "iterates over it, or one that calls switch() where this one yields",
                 callable);
  } else {
    return true;
  }
  return false;
}

}  // namespace tealetpp
