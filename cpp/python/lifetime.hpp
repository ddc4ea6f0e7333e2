// The lifetime of Python tealets and their domains.
//
// As with switching.hpp, no function of pybind11's dispatcher may call any of these.
#pragma once

#include <cstddef>
#include <cstdint>

#include "python/python_hooks.hpp"
#include "python/python_tealet.hpp"

namespace tealetpp {

// Ties a tealet to a new node. Create its object before the node: that may collect garbage. Then
// any code may run, and it could not end a node without an object.
void bind(Tealet* tealet, PythonDomain& domain, Node& node);
// Ends a tealet, and returns when it has ended. False with an exception set.
bool close_tealet(Tealet* tealet);
// The number of the last exit that is in flight where `domain` runs.
std::uint32_t latest_exit(const PythonDomain& domain) noexcept;
// Reports the exception that is set, where it cannot be raised. An exit that was raised since
// latest_exit() was `exits_before` is raised again later.
void report(const PythonDomain& domain, std::uint32_t exits_before, PyObject* where);
// Ends a tealet that nothing refers to any more. If it cannot be ended now, or refuses, its domain
// holds it.
void end_unreachable(Tealet* tealet);
// Ends a tealet without unwinding: one that has not begun, or can never be resumed. Drops what its
// frames own. On any thread.
void discard_tealet(Tealet* tealet);
// Opens a domain with `main` as its main tealet. False with an exception set.
bool open_domain(Tealet* main, const PythonHooks& hooks, std::size_t limit);
// Ends every tealet, then the domain. False with the first exception set.
bool close_domain(Tealet* main);
// Ends every tealet and the domain without unwinding. On any thread.
void discard_domain(PythonDomain& domain);
// For the deallocation of a main tealet's object: frees its domain, if it has one. An open domain
// is discarded first. May run any code.
void free_domain_of(Tealet* main);

}  // namespace tealetpp
