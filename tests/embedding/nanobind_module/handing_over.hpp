// Functions that switch Python's own tealets.
#pragma once

#include <nanobind/nanobind.h>

void register_handing_over(nanobind::module_& module);
