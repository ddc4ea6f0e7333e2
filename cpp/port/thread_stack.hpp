// The C stack that the system gave this thread: where it ends, and what of it tealets may use.
#pragma once

#include <cstddef>

namespace tealet::port {

// Bytes of a C stack that counted calls may use: below some place on it, and on the whole of it.
struct StackSpace {
  std::size_t left;
  std::size_t whole;  // 0 if the bounds of the stack are unknown
};

// What tealets may use of the C stack of a thread. All zero if its bounds are unknown.
struct UsableStack {
  const char* lowest_start = nullptr;  // no tealet may begin nearer than this
  const char* low = nullptr;           // below is the reserve for calls that nobody counts
  std::size_t size = 0;                // from `low` to the top

  StackSpace space_below(const void* address) const noexcept {
    const auto* place = static_cast<const char*>(address);
    if (size == 0 || place <= low) return {0, size};
    const auto left = static_cast<std::size_t>(place - low);
    return {left < size ? left : size, size};
  }
};

UsableStack usable_stack_of_this_thread() noexcept;

// The end of this thread's C stack: above everything on it, below the thread's own memory, which
// may lie in the same block. nullptr if its bounds are unknown.
const char* top_of_this_stack() noexcept;

}  // namespace tealet::port
