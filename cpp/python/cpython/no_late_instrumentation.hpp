// The versions of CPython that give no access to instrumenting the code of paused frames. See
// thread_state_3_15.hpp.
#pragma once

#include <cstdint>

#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"

namespace tealetpp {

constexpr bool paused_code_can_be_instrumented = false;

inline std::uintptr_t monitoring_version(const PyThreadState*) noexcept { return 0; }

inline bool instrument(const _PyInterpreterFrame*) noexcept { return true; }

}  // namespace tealetpp
