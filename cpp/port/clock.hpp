// The clock of snapshots: see Stats::seconds.
#pragma once

#include <chrono>

namespace tealet::port {

// Seconds of a clock that never goes back. The zero is arbitrary.
inline double monotonic_seconds() noexcept {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace tealet::port
