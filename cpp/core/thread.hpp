// What the engine must know about the thread that it runs on.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "node.hpp"

namespace tealet::core {

// What the engine keeps for a thread that has opened a domain. Its owners are the thread and its
// open domains; the last one frees it. So no other thread's has the same address while a domain is
// open.
class ThreadContext {
 public:
  ThreadContext() noexcept { ambient.status = Status::Running; }
  void refer() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
  void unrefer() noexcept {
    if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  Node ambient;  // stands for whatever runs in no tealet; of no domain
  std::uint64_t domains_opened = 0;

 private:
  std::atomic<std::size_t> owners_{1};
};

// These are in the static part of thread-local memory, where they are read without a call, whatever
// library this is part of. nullptr until current_thread() was called on this thread.
//
// The innermost tealet that runs on this thread, main tealets not counted; or `ambient`.
extern __thread Node* running_tealet __attribute__((tls_model("initial-exec")));
extern __thread ThreadContext* this_thread __attribute__((tls_model("initial-exec")));

// nullptr if there is no memory.
ThreadContext* current_thread() noexcept;

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
