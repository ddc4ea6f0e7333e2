// Keeps switches away from a running garbage collection.
//
// CPython's collector works through lists of objects whose heads are variables on the C stack. An
// object that is freed meanwhile takes itself out of its list, and so writes to its neighbours. If
// a finalizer switched to a tealet, the heads could be sliced away and something else lie in their
// place. So nothing switches while a collection runs on this thread: a switch is refused, and
// tealets that have lost their last reference wait for the next occasion: see thread_domains.hpp.
#pragma once

#include <cstdint>

#include "python/python_domain.hpp"

namespace tealetpp {

// The number of the thread state that collects garbage right now, as far as gc.callbacks have told;
// else 0, or `untold` once the interpreter ends, since it may collect then without telling.
extern std::uint64_t collecting_thread_state;
constexpr std::uint64_t untold = ~std::uint64_t{0};

// Whether a collection runs on the thread of `domain`, which is the running one.
bool is_collecting(const PythonDomain& domain);

// Begins to watch collections; `module` shows what is in gc.callbacks from now on. False with an
// exception set.
bool watch_collections(PyObject* module);

}  // namespace tealetpp
