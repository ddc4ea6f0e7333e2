// What the engine must know about the thread that it runs on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tealet::core {

// A number that no other thread of this process ever has, not even after this one's end; 0 until
// current_thread() was called on this thread. In the static part of thread-local memory, where it
// is read without a call, whatever library this is part of.
extern __thread std::uint64_t this_thread __attribute__((tls_model("initial-exec")));

std::uint64_t current_thread() noexcept;

// Bytes of a C stack that counted calls may use: below some place on it, and on the whole of it.
struct StackRoom {
  std::size_t left;
  std::size_t whole;  // 0 if the bounds of the stack are unknown
};

// What tealets may use of the C stack of a thread. All zero if its bounds are unknown.
struct UsableStack {
  const char* lowest_start = nullptr;  // nearer than this, no tealet may begin
  const char* low = nullptr;           // below lies what is left for calls that nobody counts
  std::size_t size = 0;                // from `low` to the top

  StackRoom room_below(const void* address) const noexcept {
    const auto* place = static_cast<const char*>(address);
    if (size == 0 || place <= low) return {0, size};
    const auto left = static_cast<std::size_t>(place - low);
    return {left < size ? left : size, size};
  }
};

UsableStack usable_stack_of_this_thread() noexcept;

// The end of this thread's C stack, above everything on it and below the thread's own memory, which
// may lie in the same block; nullptr if its bounds are unknown.
const char* top_of_this_stack() noexcept;

}  // namespace tealet::core
