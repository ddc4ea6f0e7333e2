// Chooses the layout of CPython's thread state and frames.
//
// No other file asks for CPython's version. To support a further one, write its header and add it
// to the ladder below; layout.hpp lists what a header defines.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if defined(PYPY_VERSION) || defined(GRAALVM_PYTHON)
#error "tealetpp works on the C stack of CPython, and supports neither PyPy nor GraalPy"
#endif
#ifdef Py_GIL_DISABLED
#error "tealetpp does not support free-threaded CPython, which has no global interpreter lock"
#endif

#if PY_VERSION_HEX >> 16 == 0x030b
#include "python/cpython/thread_state_3_11.hpp"
#elif PY_VERSION_HEX >> 16 == 0x030c
#include "python/cpython/thread_state_3_12.hpp"
#elif PY_VERSION_HEX >> 16 == 0x030d
#include "python/cpython/thread_state_3_13.hpp"
#elif PY_VERSION_HEX >> 16 == 0x030e
#include "python/cpython/thread_state_3_14.hpp"
#elif PY_VERSION_HEX >> 16 == 0x030f
#include "python/cpython/thread_state_3_15.hpp"
#else
#error "tealetpp knows the thread state of CPython 3.11 to 3.15 only"
#endif
