// The C stack of this thread: its bounds, and the part that tealets may use.
#pragma once

#include <cstddef>

namespace tealet::port {

// Stack space below an address, in bytes, without the reserve for uncounted calls.
struct StackSpace {
  std::size_t left;
  std::size_t whole;  // of the whole stack; 0 if its bounds are unknown
};

// The part of a C stack that tealets may use. All zero if its bounds are unknown.
struct UsableStack {
  const char* lowest_start = nullptr;  // no tealet may begin nearer than this
  const char* low = nullptr;           // below is the reserve for calls that no interpreter counts
  std::size_t size = 0;                // from `low` to the top

  StackSpace space_below(const void* address) const noexcept {
    const auto* place = static_cast<const char*>(address);
    if (size == 0 || place <= low) return {0, size};
    const auto left = static_cast<std::size_t>(place - low);
    return {left < size ? left : size, size};
  }
};

UsableStack usable_stack_of_this_thread() noexcept;

// The far end of this thread's C stack: above everything on it, and below the thread's own memory,
// which the C library may put on top. nullptr if the bounds are unknown.
const char* top_of_this_stack() noexcept;

}  // namespace tealet::port
