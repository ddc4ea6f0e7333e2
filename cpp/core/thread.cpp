#include "thread.hpp"

#include <link.h>
#include <pthread.h>

#include <cstddef>

namespace tealet::core {

namespace {

std::atomic<std::uint64_t> last_thread{0};

struct Life {
  std::shared_ptr<std::atomic<bool>> runs;
  ~Life() {
    if (runs != nullptr) *runs = false;
  }
};

// What a new tealet finds below it at the least; of a small stack, a quarter.
constexpr std::size_t reserve = 256 * 1024;

struct Bounds {
  const char* low = nullptr;
  std::size_t size = 0;

  // No further than `address`, if that is on this stack.
  void exclude(const void* address) noexcept {
    const auto* byte = static_cast<const char*>(address);
    if (byte >= low && byte < low + size) size = static_cast<std::size_t>(byte - low);
  }
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

// Moves the top of the stack below the thread-local memory of one library.
int exclude_thread_locals(dl_phdr_info* library, std::size_t, void* bounds) {
  auto& stack = *static_cast<Bounds*>(bounds);
  stack.exclude(library->dlpi_tls_data);
  return 0;
}

// The C library may put a thread's description and its thread-local memory on top of its stack.
const char* find_top() noexcept {
  Bounds stack = bounds_of_this_stack();
  if (stack.low == nullptr) return nullptr;
  stack.exclude(reinterpret_cast<const void*>(pthread_self()));
  dl_iterate_phdr(exclude_thread_locals, &stack);
  return stack.low + stack.size;
}

}  // namespace

__thread std::uint64_t this_thread = 0;

std::uint64_t current_thread() noexcept {
  if (this_thread == 0) this_thread = ++last_thread;
  return this_thread;
}

std::shared_ptr<const std::atomic<bool>> life_of_this_thread() {
  thread_local Life life{std::make_shared<std::atomic<bool>>(true)};
  return life.runs;
}

const char* lowest_start_on_this_stack() noexcept {
  const Bounds stack = bounds_of_this_stack();
  if (stack.low == nullptr) return nullptr;
  return stack.low + (stack.size / 4 < reserve ? stack.size / 4 : reserve);
}

const char* top_of_this_stack() noexcept {
  // Asking takes a while, and on the main thread reads a file.
  thread_local const char* const top = find_top();
  return top;
}

}  // namespace tealet::core
