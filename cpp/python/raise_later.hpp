// MemoryError for a call that CPython cannot refuse.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// Makes the call that is about to begin on this thread raise `error`, a MemoryError, before it does
// anything. Consumes the reference. Returns false, and drops it, if that cannot be done.
bool raise_later(PyObject* error);
// Whether that error has not been raised until now. From now on it is not.
bool cancel_raise_later();

}  // namespace tealetpp
