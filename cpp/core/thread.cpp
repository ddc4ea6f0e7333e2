#include "thread.hpp"

#include <pthread.h>

#include <atomic>
#include <cstddef>

namespace tealet::core {

namespace {

std::atomic<std::uint64_t> last_thread{0};

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

}  // namespace

__thread std::uint64_t this_thread = 0;

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
  thread_local const Bounds stack = bounds_of_this_stack();
  return stack.low != nullptr ? stack.low + stack.size : nullptr;
}

}  // namespace tealet::core
