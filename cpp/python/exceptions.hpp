// Python exceptions for the engine's error codes, and chains and groups of exceptions.
#pragma once

#include "python/python_tealet.hpp"

namespace tealetpp {

// Sets the exception for `code`. Its class is one of the domain's hooks, and its message names
// `tealet`, the target of the call.
void set_error(Errc code, const Tealet* tealet);

// Appends `handled` to the chain of contexts that begins with `exception`, unless it is in that
// chain already. Never makes a cycle. Does nothing if `handled` is nullptr.
void add_context(PyObject* exception, PyObject* handled);

// `raised` without the exceptions of class `exit`; nullptr if nothing is left. `raised` may be a
// group: `except*` wraps exceptions in one. Consumes the reference and returns a new one. May run
// any code.
PyObject* without_exit(PyObject* raised, PyObject* exit);

}  // namespace tealetpp
