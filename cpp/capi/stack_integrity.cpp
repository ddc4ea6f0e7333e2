#include "capi/stack_integrity.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "core/check.hpp"
#include "port/pages.hpp"
#include "port/stack_memory.hpp"
#include "port/thread_stack.hpp"

namespace tealet::capi {

namespace {

constexpr unsigned int integrity = TEALET_CONFIGF_STACK_INTEGRITY;
constexpr unsigned int guard_pages = TEALET_CONFIGF_STACK_GUARD;
constexpr unsigned int snapshot = TEALET_CONFIGF_STACK_SNAPSHOT;

// The part of `range` that consists of full pages.
StackRange pages_in(StackRange range) noexcept {
  const std::uintptr_t page = port::page_size();
  const std::uintptr_t skip = -reinterpret_cast<std::uintptr_t>(range.low) % page;
  if (skip >= range.size()) return {};
  char* low = range.low + skip;
  return {low, low + (static_cast<std::size_t>(range.high - low) & ~(page - 1))};
}

}  // namespace

tealet_config_t StackIntegrity::canonical(tealet_config_t wanted) noexcept {
  wanted.flags &= integrity | guard_pages | snapshot;
  const bool complete = (wanted.flags & integrity) != 0 && wanted.flags != integrity;
  if (!complete || wanted.stack_integrity_bytes == 0) {
    wanted.flags = 0;
    wanted.stack_integrity_bytes = 0;
  }
  if ((wanted.flags & guard_pages) == 0) {
    wanted.stack_guard_mode = TEALET_STACK_GUARD_MODE_NONE;
  } else if (wanted.stack_guard_mode != TEALET_STACK_GUARD_MODE_READONLY) {
    wanted.stack_guard_mode = TEALET_STACK_GUARD_MODE_NOACCESS;
  }
  if (wanted.stack_integrity_fail_policy != TEALET_STACK_INTEGRITY_FAIL_ERROR &&
      wanted.stack_integrity_fail_policy != TEALET_STACK_INTEGRITY_FAIL_ABORT) {
    wanted.stack_integrity_fail_policy = TEALET_STACK_INTEGRITY_FAIL_ASSERT;
  }
  return wanted;
}

bool StackIntegrity::configure(const tealet_config_t& config) noexcept {
  TEALETPP_CHECK(!is_watching());
  std::size_t size = (config.flags & snapshot) != 0 ? config.stack_integrity_bytes : 0;
  // On each side of the guarded pages there is less than a page.
  if ((config.flags & guard_pages) != 0 && size > 2 * port::page_size())
    size = 2 * port::page_size();
  char* copy = nullptr;
  if (size != 0) {
    copy = static_cast<char*>(memory_.try_allocate(size));
    if (copy == nullptr) return false;
  }
  free_copy();
  copy_ = copy;
  copy_size_ = size;
  config_ = config;
  return true;
}

void StackIntegrity::free_copy() noexcept {
  if (copy_ != nullptr) memory_.deallocate(copy_, copy_size_);
  copy_ = nullptr;
}

void StackIntegrity::watch(char* far) noexcept {
  TEALETPP_CHECK(!is_watching());
  if (!active()) return;
  const auto* limit = static_cast<const char*>(config_.stack_guard_limit);
  const char* top = port::top_of_this_stack();
  if (limit == nullptr || (top != nullptr && limit > top)) limit = top;
  if (limit == nullptr || far >= limit) return;
  const auto most = static_cast<std::size_t>(limit - far);
  const StackRange window{far, far + std::min(config_.stack_integrity_bytes, most)};

  if (wants(guard_pages)) guard(window);
  if (!wants(snapshot)) return;
  if (guarded_.size() == 0) {
    copy({window.low, window.low + std::min(window.size(), copy_size_)}, {});
  } else {
    copy({window.low, guarded_.low}, {guarded_.high, window.high});
  }
}

void StackIntegrity::guard(StackRange window) noexcept {
  const StackRange pages = pages_in(window);
  const bool readable = config_.stack_guard_mode == TEALET_STACK_GUARD_MODE_READONLY;
  const auto protection = readable ? port::Protection::read_only : port::Protection::none;
  // If no page can be protected, the copy covers as much of the window as fits.
  if (pages.size() == 0 || !port::protect_pages(pages.low, pages.size(), protection)) return;
  guarded_ = pages;
}

void StackIntegrity::copy(StackRange below, StackRange above) noexcept {
  TEALETPP_CHECK(below.size() + above.size() <= copy_size_);
  below_ = below;
  above_ = above;
  port::copy_stack_bytes(copy_, below.low, below.size());
  port::copy_stack_bytes(copy_ + below.size(), above.low, above.size());
}

const char* StackIntegrity::first_difference() const noexcept {
  const char* expected = copy_;
  for (const StackRange& range : {below_, above_}) {
    for (const char* byte = range.low; byte != range.high; ++byte, ++expected) {
      if (port::stack_byte(byte) != *expected) return byte;
    }
  }
  return nullptr;
}

bool StackIntegrity::intact() noexcept {
  const char* difference = first_difference();
  if (difference == nullptr) return true;
  const bool aborts = config_.stack_integrity_fail_policy == TEALET_STACK_INTEGRITY_FAIL_ABORT;
  const bool asserts = config_.stack_integrity_fail_policy == TEALET_STACK_INTEGRITY_FAIL_ASSERT;
  if (aborts || asserts) {
    std::fprintf(stderr, "tealet: the running tealet has written beyond its far end, at %p\n",
                 static_cast<const void*>(difference));
  }
  if (aborts) std::abort();
  assert(!asserts && "stack integrity");
  below_ = above_ = {};
  return false;
}

void StackIntegrity::release() noexcept {
  if (guarded_.size() != 0 &&
      !port::protect_pages(guarded_.low, guarded_.size(), port::Protection::read_write)) {
    std::perror("tealet: mprotect of a stack");
    std::abort();
  }
  guarded_ = below_ = above_ = {};
}

}  // namespace tealet::capi
