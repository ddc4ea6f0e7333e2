// What the module consists of, and what its parts share.
#pragma once

#include "objects.hpp"

namespace tealetpp {

void register_status(py::module_& module);
void register_stats(py::module_& module);
void register_tealet(py::module_& module);
void register_main(py::module_& module);

Status status_of(const Tealet& tealet) noexcept;
// Whether `parent` can be the parent of a tealet of `domain`. Sets an exception if not.
bool can_be_parent(PythonDomain& domain, TealetObject* parent) noexcept;

}  // namespace tealetpp
