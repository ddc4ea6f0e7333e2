// The Python exceptions, and how the engine's codes become them.
#pragma once

#include "python/objects.hpp"

namespace tealetpp {

extern PyObject* tealet_exit;
extern PyObject* tealet_error;
extern PyObject* invalid_error;
extern PyObject* defunct_error;
extern PyObject* thread_error;

// Sets the exception that stands for `code`; `tealet` is what the call was about.
void set_error(Errc code, TealetObject* tealet);

void register_errors(py::module_& module);

// Appends `handled`, which may be nullptr, to the chain of contexts that begins with `exception`,
// unless the chain has it already. Never makes a cycle.
void add_context(PyObject* exception, PyObject* handled);

// The part of an exception that is not TealetExit; nullptr if there is none. Exceptions that pass
// an `except*` arrive in a group; in some versions of Python even a single one does. Consumes the
// reference, returns a new one. May run any code.
PyObject* without_exit(PyObject* raised);

}  // namespace tealetpp
