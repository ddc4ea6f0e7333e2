// The Python exceptions, and how the engine's codes become them.
#pragma once

#include "objects.hpp"

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
// as far as it is not part of it. No cycle comes of that.
void add_context(PyObject* exception, PyObject* handled);

// What of an exception that leaves a tealet's function is more than TealetExit; nullptr if nothing
// is. Consumes the reference, returns a new one. May run any code.
//
// `except*` makes a group of the exceptions that pass it, in some versions of a single one too.
PyObject* without_exit(PyObject* raised);

}  // namespace tealetpp
