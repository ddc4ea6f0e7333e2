#include "python/runnable.hpp"

#include "python/attribute.hpp"
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

// What `callable` calls: a new reference; nullptr if that is unknown, perhaps with an exception
// set.
PyObject* called_by(PyObject* callable) {
  if (PyMethod_Check(callable)) return Py_NewRef(PyMethod_GET_FUNCTION(callable));
  if (is_partial(callable)) return attribute(callable, "func");
  if ((Py_TYPE(callable)->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) return nullptr;
  return attribute(reinterpret_cast<PyObject*>(Py_TYPE(callable)), "__call__");
}

// Finds the Python function that `callable` calls in the end, through methods, partial() and
// objects with __call__(). `function` is a new reference, or nullptr if it is not a Python
// function. False with an exception set.
bool find_function(PyObject* callable, PyObject*& function) {
  Py_INCREF(callable);
  for (int layer = 0; layer < most_layers && callable != nullptr; ++layer) {
    if (PyFunction_Check(callable)) {
      function = callable;
      return true;
    }
    PyObject* const inner = called_by(callable);
    Py_DECREF(callable);
    if (inner == nullptr && PyErr_Occurred() != nullptr) {
      if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return false;
      PyErr_Clear();
    }
    callable = inner;
  }
  Py_XDECREF(callable);
  return true;
}

}  // namespace

bool is_runnable_slow(PyObject* callable, const char* not_callable) {
  if (!PyCallable_Check(callable)) {
    PyErr_Format(PyExc_TypeError, not_callable, callable);
    return false;
  }
  PyObject* function = nullptr;
  if (!find_function(callable, function)) return false;
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
