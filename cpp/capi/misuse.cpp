#include "capi/misuse.hpp"

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "capi/c_domain.hpp"
#include "core/thread_context.hpp"
#include "port/compiler.hpp"
#include "port/thread_stack.hpp"

namespace tealet::capi {

namespace {

const char* state_of_this_thread() noexcept {
  const bool in_tealet =
      core::running_tealet != nullptr && core::running_tealet->domain() != nullptr;
  return in_tealet ? "a tealet runs on this thread" : "no tealet runs on this thread";
}

}  // namespace

void misuse(const char* function, const char* format, ...) noexcept {
  char what[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(what, sizeof(what), format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "tealet: %s(): %s\n", function, what);
  std::abort();
}

void misuse_null(const char* function, const char* parameter) noexcept {
  misuse(function, "`%s` is NULL (state: %s)", parameter, state_of_this_thread());
}

void require_on_stack(const void* far, const char* function, const char* parameter) noexcept {
  // The bounds are those of the stack that the system gave the thread. A frame above them is on
  // another stack, whose bounds are unknown. Above the top, the system keeps what belongs to the
  // same stack: the program's arguments and environment, or the thread's own memory.
  constexpr std::ptrdiff_t most_above = std::ptrdiff_t{16} << 20;
  const auto* top = port::top_of_this_stack();
  if (top == nullptr || TEALETPP_FRAME_ADDRESS() >= top) return;
  if (static_cast<const char*>(far) <= top + most_above) return;
  misuse(function,
         "`%s` is not on this thread's stack (state: the address is %p, the stack ends at %p)",
         parameter, far, static_cast<const void*>(top));
}

void require_aligned(const void* block) noexcept {
  constexpr std::size_t alignment = alignof(std::max_align_t);
  if (reinterpret_cast<std::uintptr_t>(block) % alignment == 0) return;
  misuse("tealet_alloc_t::malloc_p",
         "it returned a block that is not aligned to %zu bytes (state: the block is at %p)",
         alignment, block);
}

#if TEALET_CHECKS

namespace {

// The innermost callback on this thread. Not in the domain: another thread may be in one of the
// same domain, waiting for the lock. Not a pointer to a Callback: its stack moves if the callback
// switches between tealets of another domain.
TEALETPP_THREAD_LOCAL Callback::Running running TEALETPP_THREAD_LOCAL_MODEL = {nullptr, nullptr,
                                                                               nullptr};

}  // namespace

Callback::Callback(const CDomain& domain, const char* name) noexcept
    : outer_(std::exchange(running, {&domain, name, core::running_tealet})) {}

Callback::~Callback() { running = outer_; }

void Callback::forbid(const CDomain& domain) noexcept {
  // A callback that waits has switched to another tealet, which may use the domain.
  if (running.domain != &domain || running.tealet != core::running_tealet) return;
  misuse(running.name, "a callback must not use its own domain (state: %s)",
         state_of_this_thread());
}

#endif  // TEALET_CHECKS

}  // namespace tealet::capi
