// The engine's codes as Python exceptions, and chains and groups of exceptions.
#pragma once

#include "python/python_tealet.hpp"

namespace tealetpp {

// Sets the exception for `code`, of a class of the domain's hooks. `tealet` is the one that the
// call was made for.
void set_error(Errc code, const Tealet* tealet);

// Appends `handled`, which may be nullptr, to the chain of contexts that begins with `exception`,
// unless the chain has it already. Never makes a cycle.
void add_context(PyObject* exception, PyObject* handled);

// The part of an exception that is not of class `exit`; nullptr if there is none. `except*` wraps
// exceptions in a group, in some versions of Python even a single one. Consumes the reference,
// returns a new one. May run any code.
PyObject* without_exit(PyObject* raised, PyObject* exit);

}  // namespace tealetpp
