#include "port/thread_stack.hpp"

#include <link.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port/compiler.hpp"

namespace tealet::port {

namespace {

// No new tealet has less stack space than this; on a small stack, than a quarter of the stack.
constexpr std::size_t reserve = 256 * 1024;
// The fraction 1 / uncounted_part of the reserve is for calls that no interpreter counts, such as
// those of the C library.
constexpr std::size_t uncounted_part = 8;

struct Bounds {
  const char* low = nullptr;
  std::size_t size = 0;

  // Ends the stack below `address`, if that lies on it.
  void exclude(const void* address) noexcept {
    const auto* byte = static_cast<const char*>(address);
    if (byte >= low && byte < low + size) size = static_cast<std::size_t>(byte - low);
  }
};

Bounds find_bounds() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {};
  void* lowest = nullptr;
  std::size_t size = 0;
  const int error = pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_destroy(&attributes);
  if (error != 0) return {};
  return {static_cast<const char*>(lowest), size};
}

bool is_main_thread() noexcept { return syscall(SYS_gettid) == getpid(); }

// {} if this thread runs on another stack than the system's.
Bounds bounds_of_this_stack() noexcept {
  // Cached, because on the main thread the C library reads a system file, which takes longer than
  // the rest of opening a domain. Only the near end of the main thread's stack may change later.
  thread_local const bool may_shrink = is_main_thread();
  thread_local const Bounds found = find_bounds();
  Bounds bounds = found;
  rlimit limit{};
  if (may_shrink && getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < bounds.size) {
    bounds.low += bounds.size - limit.rlim_cur;
    bounds.size = limit.rlim_cur;
  }
  const auto* here = TEALETPP_FRAME_ADDRESS();
  if (here < bounds.low || here >= bounds.low + bounds.size) return {};
  return bounds;
}

// Ends the stack below the thread-local memory of one library.
int exclude_thread_locals(dl_phdr_info* library, std::size_t, void* bounds) {
  auto& stack = *static_cast<Bounds*>(bounds);
  stack.exclude(library->dlpi_tls_data);
  return 0;
}

// The C library may put a thread's descriptor and its thread-local memory on top of its stack.
const char* find_top() noexcept {
  Bounds stack = bounds_of_this_stack();
  if (stack.low == nullptr) return nullptr;
  stack.exclude(reinterpret_cast<const void*>(pthread_self()));
  dl_iterate_phdr(exclude_thread_locals, &stack);
  return stack.low + stack.size;
}

}  // namespace

UsableStack usable_stack_of_this_thread() noexcept {
  const Bounds stack = bounds_of_this_stack();
  if (stack.low == nullptr) return {};
  const std::size_t kept = stack.size / 4 < reserve ? stack.size / 4 : reserve;
  const std::size_t uncounted = kept / uncounted_part;
  return {stack.low + kept, stack.low + uncounted, stack.size - uncounted};
}

const char* top_of_this_stack() noexcept {
  thread_local const char* const top = find_top();
  return top;
}

}  // namespace tealet::port
