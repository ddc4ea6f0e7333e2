#include "core/thread_context.hpp"

#include <new>
#include <utility>

#include "port/compiler.hpp"

namespace tealet::core {

namespace {

struct ReleaseAtThreadExit {
  ReleaseAtThreadExit() noexcept = default;
  ReleaseAtThreadExit(const ReleaseAtThreadExit&) = delete;
  ReleaseAtThreadExit& operator=(const ReleaseAtThreadExit&) = delete;
  ~ReleaseAtThreadExit() {
    running_tealet = nullptr;
    if (ThreadContext* const ended = std::exchange(this_thread, nullptr)) ended->remove_owner();
  }
};

}  // namespace

TEALETPP_THREAD_LOCAL Node* running_tealet = nullptr;
TEALETPP_THREAD_LOCAL ThreadContext* this_thread = nullptr;

ThreadContext* current_thread() noexcept {
  if (this_thread == nullptr) {
    static thread_local ReleaseAtThreadExit release;
    this_thread = new (std::nothrow) ThreadContext;
    if (this_thread != nullptr) running_tealet = &this_thread->ambient;
  }
  return this_thread;
}

}  // namespace tealet::core
