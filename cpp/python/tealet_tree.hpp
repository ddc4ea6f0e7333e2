// The tealets of a domain, listed.
#pragma once

#include "python/python_tealet.hpp"

namespace tealetpp {

// A new list of all tealets of the domain of `main`, parents first; empty if it is not open.
// nullptr with MemoryError. Runs no code, and may be called on any thread.
PyObject* tealets_of(const Tealet& main);

}  // namespace tealetpp
