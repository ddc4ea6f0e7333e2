// The enumeration Status.
#pragma once

#include <tealet/cxx/status.hpp>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// A new reference to its member; nullptr with an exception set. May run any code.
PyObject* to_python(tealet::Status status);
// Lets `module` have Status, which is made at its first use. False with an exception set.
bool add_status(PyObject* module);

}  // namespace tealetpp
