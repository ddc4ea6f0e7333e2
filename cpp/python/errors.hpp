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

}  // namespace tealetpp
