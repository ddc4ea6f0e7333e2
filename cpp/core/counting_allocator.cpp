#include <tealet/allocator.hpp>

#include <cstdlib>
#include <new>

namespace tealet {

namespace {

class MallocResource final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    void* block = nullptr;
    if (alignment <= alignof(std::max_align_t)) {
      block = std::malloc(bytes != 0 ? bytes : 1);
    } else if (posix_memalign(&block, alignment, bytes) != 0) {
      block = nullptr;
    }
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }
  void do_deallocate(void* block, std::size_t, std::size_t) override { std::free(block); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

}  // namespace

std::pmr::memory_resource* malloc_resource() noexcept {
  static MallocResource resource;
  return &resource;
}

CountingAllocator::CountingAllocator(std::pmr::memory_resource* upstream,
                                     std::size_t limit) noexcept
    : upstream_(upstream), limit_(limit) {}

CountingAllocator::~CountingAllocator() { trim(); }

std::size_t CountingAllocator::trim() noexcept {
  const std::size_t trimmed = cached_;
  for (std::size_t i = 0; i < shelves_.size(); ++i) {
    while (Kept* block = shelves_[i]) {
      shelves_[i] = block->next;
      give_to_upstream(block, (i + 1) * granule, granule);
    }
  }
  cached_ = 0;
  return trimmed;
}

void CountingAllocator::abandon(void*, std::size_t bytes) noexcept {
  count_given(bytes);
  from_upstream_ -= bytes;
}

void CountingAllocator::adopt(std::size_t bytes) noexcept {
  from_upstream_ += bytes;
  count_taken(bytes);
}

void CountingAllocator::set_cache_bytes(std::size_t bytes) noexcept {
  cache_bytes_ = bytes;
  if (cached_ > bytes) trim();
}

AllocationCounts CountingAllocator::counts() const noexcept {
#if TEALET_WITH_STATS
  return counts_;
#else
  return {};
#endif
}

void CountingAllocator::reset_peaks() noexcept {
#if TEALET_WITH_STATS
  counts_.bytes_peak = counts_.bytes;
  counts_.blocks_peak = counts_.blocks;
#endif
}

bool CountingAllocator::within_limit(std::size_t bytes) const noexcept {
  return from_upstream_ <= limit_ && bytes <= limit_ - from_upstream_;
}

void* CountingAllocator::take_from_upstream(std::size_t bytes, std::size_t alignment) noexcept {
  if (!within_limit(bytes)) trim();
  if (!within_limit(bytes)) return nullptr;
  for (;;) {
    try {
      void* block = upstream_->allocate(bytes, alignment);
      from_upstream_ += bytes;
      return block;
    } catch (...) {
      // What is kept here may be what upstream lacks.
      if (trim() == 0) return nullptr;
    }
  }
}

void CountingAllocator::give_to_upstream(void* block, std::size_t bytes,
                                         std::size_t alignment) noexcept {
  from_upstream_ -= bytes;
  upstream_->deallocate(block, bytes, alignment);
}

void* CountingAllocator::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (alignment <= granule) {
    if (void* block = take(bytes)) return block;
    throw std::bad_alloc();
  }
  void* block = take_from_upstream(bytes, alignment);
  if (block == nullptr) throw std::bad_alloc();
  count_taken(bytes);
  return block;
}

void CountingAllocator::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  if (alignment <= granule) {
    give(block, bytes);
    return;
  }
  count_given(bytes);
  give_to_upstream(block, bytes, alignment);
}

bool CountingAllocator::do_is_equal(const std::pmr::memory_resource& other) const noexcept {
  return this == &other;
}

}  // namespace tealet
