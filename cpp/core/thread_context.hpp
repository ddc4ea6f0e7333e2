// What the engine keeps for each thread that has opened a domain.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/node.hpp"
#include "port/compiler.hpp"

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
extern TEALETPP_THREAD_LOCAL Node* running_tealet TEALETPP_THREAD_LOCAL_MODEL;
extern TEALETPP_THREAD_LOCAL ThreadContext* this_thread TEALETPP_THREAD_LOCAL_MODEL;

// nullptr if there is no memory.
ThreadContext* current_thread() noexcept;

}  // namespace tealet::core
