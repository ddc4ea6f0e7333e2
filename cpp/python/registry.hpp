// What the module consists of. Each function adds to it what its file, named likewise, makes.
#pragma once

#include <pybind11/pybind11.h>

namespace tealetpp {

namespace py = pybind11;

void register_errors(py::module_& module);  // error_types.cpp
void register_stats(py::module_& module);
void register_tealet(py::module_& module);
void register_main(py::module_& module);
void register_capi(py::module_& module);  // capsule.cpp

}  // namespace tealetpp
