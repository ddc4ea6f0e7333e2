// How deep an execution may recurse.
//
// CPython counts calls to protect the C stack. Its limits assume that an execution has a stack to
// itself, but tealets share one. So the stack below the place where a tealet begins decides how
// many calls it may nest. The counters of the caller that runs a stub play no part: a stub begins
// where it was captured.
#pragma once

#include <cstddef>

#include "python/cpython/internals.hpp"

namespace tealetpp {

// Bytes of the C stack that a counted call takes at most, given those of a release build. A debug
// build may be compiled without optimisation.
constexpr std::size_t worst_call_of_build([[maybe_unused]] std::size_t release) noexcept {
#ifdef Py_DEBUG
  return 4096;
#else
  return release;
#endif
}

}  // namespace tealetpp
