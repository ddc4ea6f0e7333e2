// Callables that call another one: methods, functools.partial, static methods, and objects whose
// class has a __call__().
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// How many layers are looked through at most. A program can make a cycle of callables.
constexpr int most_layers = 32;

// What a functools.partial calls, all borrowed from it.
struct Partial {
  PyObject* function = nullptr;  // nullptr: the object is no partial, or a subclass calls otherwise
  PyObject* arguments = nullptr;
  PyObject* keywords = nullptr;
};
// Runs no Python code.
Partial partial_in(PyObject* object);

// The function in a static method; borrowed. nullptr if `object` is none. Runs no Python code.
PyObject* function_in_static_method(PyObject* object);

// What the class of `object` has for __call__, as it lies in the class; borrowed. nullptr if there
// is nothing, or if the class is a built-in one. Runs no Python code.
PyObject* call_attribute(PyObject* object);

}  // namespace tealetpp
