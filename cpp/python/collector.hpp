// Keeps switches away from a running garbage collection.
//
// CPython's collector works through lists of objects whose heads are variables on the C stack. An
// object that is freed meanwhile unlinks itself, and so writes to its neighbours. If a finalizer
// switched to a tealet, other bytes could lie where a head was. So while a collection runs on this
// thread, switches are refused, and tealets that lose their last reference are pending until the
// next safe point: see thread_domains.hpp.
#pragma once

#include <cstdint>

#include "python/python_domain.hpp"

namespace tealetpp {

// The number of the thread state that collects garbage, as gc.callbacks report it; 0 if none does.
// `untold` once the interpreter ends: its last collections are not reported.
extern std::uint64_t collecting_thread_state;
constexpr std::uint64_t untold = ~std::uint64_t{0};

// Whether a collection runs on the thread of `domain`, which is the running one.
bool is_collecting(const PythonDomain& domain);

// Begins to watch collections; `module` shows what is in gc.callbacks from now on. False with an
// exception set.
bool watch_collections(PyObject* module);

}  // namespace tealetpp
