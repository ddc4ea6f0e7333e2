// Refuses callables that a tealet cannot run, and those whose call would run nothing.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "port/compiler.hpp"

namespace tealetpp {

// The slow path of is_runnable(). May run any code.
bool is_runnable_slow(PyObject* callable, const char* not_callable);

// Whether a tealet can run `callable`. Sets TypeError if not. `not_callable` is the message for an
// object that is not callable: a format with one %R. A generator or coroutine function is refused
// too, because calling it only creates an object.
inline bool is_runnable(PyObject* callable, const char* not_callable) {
  constexpr int runs_nothing =
      CO_GENERATOR | CO_COROUTINE | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR;
  if (TEALET_LIKELY(PyFunction_Check(callable))) {
    const auto* code = reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(callable));
    if (TEALET_LIKELY((code->co_flags & runs_nothing) == 0)) return true;
  }
  return is_runnable_slow(callable, not_callable);
}

}  // namespace tealetpp
