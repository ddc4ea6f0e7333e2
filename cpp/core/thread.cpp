#include "thread.hpp"

#include <link.h>
#include <pthread.h>

#include <atomic>
#include <cstddef>

namespace tealet::core {

namespace {

std::atomic<std::uint64_t> last_thread{0};
thread_local std::uint64_t this_thread = 0;

constexpr std::size_t reserve = 256 * 1024;

struct Bounds {
  const char* low = nullptr;
  std::size_t size = 0;
};

// {} if this thread runs on some other stack than the one that it was given.
Bounds bounds_of_this_stack() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {};
  void* lowest = nullptr;
  std::size_t size = 0;
  const int error = pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_destroy(&attributes);
  const auto* low = static_cast<const char*>(lowest);
  const auto* here = static_cast<const char*>(__builtin_frame_address(0));
  if (error != 0 || here < low || here >= low + size) return {};
  return {low, size};
}

// Where the thread-local variables begin, which lie at the top of the stack of every thread but the
// first, together with what the C library keeps of a thread; the top if there are none.
const char* lowest_thread_local(const Bounds& stack) noexcept {
  struct Search {
    const char* low;
    const char* lowest;
    void see(const void* address) noexcept {
      const auto* place = static_cast<const char*>(address);
      if (place > low && place < lowest) lowest = place;
    }
  };
  Search search{stack.low, stack.low + stack.size};
  search.see(reinterpret_cast<const void*>(pthread_self()));
  dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* to) {
        static_cast<Search*>(to)->see(module->dlpi_tls_data);
        return 0;
      },
      &search);
  return search.lowest;
}

}  // namespace

std::uint64_t current_thread() noexcept {
  if (this_thread == 0) this_thread = ++last_thread;
  return this_thread;
}

const char* lowest_start_on_this_stack() noexcept {
  const Bounds stack = bounds_of_this_stack();
  if (stack.low == nullptr) return nullptr;
  return stack.low + (stack.size / 4 < reserve ? stack.size / 4 : reserve);
}

const char* top_of_this_stack() noexcept {
  // Asking takes a while, and on the main thread reads a file.
  thread_local const char* const top = [] {
    const Bounds stack = bounds_of_this_stack();
    return stack.low != nullptr ? lowest_thread_local(stack) : nullptr;
  }();
  return top;
}

}  // namespace tealet::core
