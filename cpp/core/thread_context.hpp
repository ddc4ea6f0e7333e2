// The engine's variables of a thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/node.hpp"
#include "port/compiler.hpp"

namespace tealet::core {

// What the engine keeps for a thread that has opened a domain. Its owners are the thread and the
// thread's open domains; the last one frees it. So its address is not reused while one of these
// domains is open.
class ThreadContext {
 public:
  ThreadContext() noexcept { ambient.status = Status::Running; }
  void add_owner() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
  void remove_owner() noexcept {
    if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  Node ambient;  // stands for execution outside of all tealets; belongs to no domain
  std::uint64_t domains_opened = 0;

 private:
  std::atomic<std::size_t> owners_{1};
};

// Both are nullptr until current_thread() is called on this thread, and after the thread's end.
// They lie in the static part of thread-local memory, so reading them takes no call in any library.

// The innermost tealet that runs on this thread, main tealets not counted; `ambient` if there is
// none.
extern TEALETPP_THREAD_LOCAL Node* running_tealet TEALETPP_THREAD_LOCAL_MODEL;
extern TEALETPP_THREAD_LOCAL ThreadContext* this_thread TEALETPP_THREAD_LOCAL_MODEL;

// The context of this thread, made at the first call; nullptr if there is no memory.
ThreadContext* current_thread() noexcept;

}  // namespace tealet::core
