// The parts of the module. Each function is in the file of its name, and adds to the module what
// that file defines.
#pragma once

#include <pybind11/pybind11.h>

namespace tealetpp {

namespace py = pybind11;

void register_errors(py::module_& module);  // error_types.cpp
void register_stats(py::module_& module);
void register_costs(py::module_& module);  // tealet_costs.cpp
void register_tealet(py::module_& module);
void register_main(py::module_& module);
void register_capi(py::module_& module);  // capsule.cpp

}  // namespace tealetpp
