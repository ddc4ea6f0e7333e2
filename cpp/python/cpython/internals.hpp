// Python.h with the layout of interpreter frames, which is internal to CPython.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#define TEALETPP_UNDEFINE_PY_BUILD_CORE
#endif
#include <internal/pycore_frame.h>
#if __has_include(<internal/pycore_interpframe.h>)  // since CPython 3.14
#include <internal/pycore_genobject.h>
#include <internal/pycore_interpframe.h>
#endif
#ifdef TEALETPP_UNDEFINE_PY_BUILD_CORE
#undef Py_BUILD_CORE
#undef TEALETPP_UNDEFINE_PY_BUILD_CORE
#endif
