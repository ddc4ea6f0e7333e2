// The versions of CPython whose thread state knows nothing of compiled code: see jit_state.hpp.
#pragma once

#include "python/cpython/internals.hpp"

namespace tealetpp {

class PausedExecutor {
 public:
  void put_away_executor(const PyThreadState*) noexcept {}
  void resume_executor(PyThreadState*) noexcept {}
  static void begin_executor(PyThreadState*) noexcept {}
  void drop_executor() noexcept {}
  bool has_executor() const noexcept { return false; }
};

}  // namespace tealetpp
