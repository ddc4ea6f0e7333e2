// Exceptions since CPython 3.12: single objects.
#pragma once

#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"

namespace tealetpp {

inline PyObject* take_raised() { return PyErr_GetRaisedException(); }

inline void set_raised(PyObject* exception) {
  if (exception != nullptr) PyErr_SetRaisedException(exception);
}

}  // namespace tealetpp
