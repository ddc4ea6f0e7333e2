// How the engine's codes become Python exceptions, and what the tealets' exceptions carry along.
#pragma once

#include "python/python_tealet.hpp"

namespace tealetpp {

// Sets the exception that stands for `code`; `tealet` is what the call was about. The classes are
// those of its domain's hooks.
void set_error(Errc code, const Tealet* tealet);

// Appends `handled`, which may be nullptr, to the chain of contexts that begins with `exception`,
// unless the chain has it already. Never makes a cycle.
void add_context(PyObject* exception, PyObject* handled);

// The part of an exception that is not of class `exit`; nullptr if there is none. Exceptions that
// pass an `except*` arrive in a group; in some versions of Python even a single one does. Consumes
// the reference, returns a new one. May run any code.
PyObject* without_exit(PyObject* raised, PyObject* exit);

}  // namespace tealetpp
