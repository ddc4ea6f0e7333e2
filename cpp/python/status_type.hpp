// The enumeration Status.
#pragma once

#include <tealet/cxx/status.hpp>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// A new reference to its member.
PyObject* to_python(tealet::Status status) noexcept;

// Adds Status to `module`. Runs Python code. False with an exception set.
//
// Done at the import: t.status must not import enum where no import works any more, such as in a
// finalizer while the interpreter ends.
bool add_status(PyObject* module);

}  // namespace tealetpp
