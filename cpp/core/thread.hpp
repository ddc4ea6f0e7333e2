// What the engine must know about the thread that it runs on.
#pragma once

#include <atomic>
#include <cstdint>

#include "node.hpp"

namespace tealet::core {

// A thread that has opened a domain. It outlives the thread while a domain of it does, so no other
// thread ever has the same address as far as any domain can tell.
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

// The lowest address of this thread's C stack on which a new tealet may begin, with enough below it
// to run ordinary code; nullptr if this thread runs on a stack of unknown bounds.
const char* lowest_start_on_this_stack() noexcept;

// The end of this thread's C stack, above everything on it and below the thread's own memory, which
// may lie in the same block; nullptr if its bounds are unknown.
const char* top_of_this_stack() noexcept;

}  // namespace tealet::core
