// Blocks a thread that must not continue.
#pragma once

#include <unistd.h>

namespace tealet::port {

// Blocks this thread until the process ends. Signal handlers still run on it.
[[noreturn]] inline void wait_for_process_end() noexcept {
  for (;;) pause();
}

}  // namespace tealet::port
