// The enumeration Status.
#pragma once

#include <tealet/cxx/status.hpp>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// A new reference to its member.
PyObject* to_python(tealet::Status status);

}  // namespace tealetpp
