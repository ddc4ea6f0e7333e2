// Counts all domains and what they hold, for tests that look for leaks.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// Adds the function `_census` to `module`. False with an exception set.
bool add_census(PyObject* module);

}  // namespace tealetpp
