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

// What called_function() finds, or else the last layer that it comes to: a class, a function in C,
// or another object whose call is unknown. Borrowed. Runs no Python code.
PyObject* innermost_callable(PyObject* callable);

}  // namespace tealetpp
