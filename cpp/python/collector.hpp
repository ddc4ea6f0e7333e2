// Refuses switches while a garbage collection runs on the same thread.
//
// CPython's collector works on linked lists of objects. The list heads are variables on the C
// stack. An object that is freed during the collection unlinks itself, and so writes to its
// neighbours. If a finalizer switched to a tealet, that write could hit other data where a list
// head was. So while a collection runs, switches raise an error, and tealets that lose their last
// reference are pending until the next safe point: see thread_domains.hpp.
#pragma once

#include <cstdint>

#include "python/python_domain.hpp"

namespace tealetpp {

// The number of the thread state that collects garbage, as reported to gc.callbacks; 0 if none
// does. `unreported` once the interpreter ends: CPython does not report its last collections.
extern std::uint64_t collecting_thread_state;
constexpr std::uint64_t unreported = ~std::uint64_t{0};

// Whether a collection runs on the thread of `domain`.
bool is_collecting(const PythonDomain& domain);

// Adds a function to gc.callbacks, and to `module` as `_on_collection`. False with an exception
// set.
bool watch_collections(PyObject* module);

}  // namespace tealetpp
