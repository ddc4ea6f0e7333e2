// An allocator without its limit, for a while.
#pragma once

#include <tealet/cxx/counting_allocator.hpp>

#include <cstddef>

#include "port/compiler.hpp"

namespace tealet::core {

// Lifts the limit of `memory` while it exists, if `lift` is true.
class WithoutLimit {
 public:
  WithoutLimit(CountingAllocator& memory, bool lift) noexcept : lifted_(lift ? &memory : nullptr) {
    if (TEALET_UNLIKELY(lift)) {
      limit_ = memory.limit();
      memory.set_limit(CountingAllocator::no_limit);
    }
  }
  ~WithoutLimit() {
    if (lifted_ != nullptr) lifted_->set_limit(limit_);
  }
  WithoutLimit(const WithoutLimit&) = delete;
  WithoutLimit& operator=(const WithoutLimit&) = delete;

 private:
  CountingAllocator* lifted_;
  std::size_t limit_ = 0;
};

}  // namespace tealet::core
