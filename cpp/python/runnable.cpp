#include "python/runnable.hpp"

#include "python/called_function.hpp"

namespace tealetpp {

bool is_runnable_slow(PyObject* callable, const char* not_callable) {
  if (!PyCallable_Check(callable)) {
    PyErr_Format(PyExc_TypeError, not_callable, callable);
    return false;
  }
  PyObject* const function = called_function(callable);
  if (function == nullptr) return true;
  const int flags = reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(function))->co_flags;
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
