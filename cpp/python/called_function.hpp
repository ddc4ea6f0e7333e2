// The Python function that a callable calls in the end.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// Looks through methods, functools.partial, static methods and objects whose class has a
// __call__(). Borrowed; nullptr if it is not a Python function, if that is unknown, or if
// `callable` is nullptr. Runs no Python code.
PyObject* called_function(PyObject* callable);

// What `callable` is without the functools.partial around it, if there is any. Borrowed. Runs no
// Python code.
PyObject* without_partials(PyObject* callable);

}  // namespace tealetpp
