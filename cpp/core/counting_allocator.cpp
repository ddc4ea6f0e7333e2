#include <tealet/cxx/counting_allocator.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "core/block_ledger.hpp"
#include "core/check.hpp"

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

#if TEALET_CHECKS

CountingAllocator::CountingAllocator(std::pmr::memory_resource* upstream,
                                     std::size_t limit) noexcept
    : upstream_(upstream), limit_(limit), ledger_(core::BlockLedger::create()) {}

CountingAllocator::~CountingAllocator() {
  trim();
  core::BlockLedger::destroy(ledger_);
}

void CountingAllocator::record_allocation(void* block, std::size_t bytes) noexcept {
  ledger_->add(block, bytes);
}

void CountingAllocator::record_deallocation(void* block, std::size_t bytes) noexcept {
  ledger_->remove(block, bytes);
}

void CountingAllocator::verify() const noexcept {
  std::size_t cached = 0;
  for (std::size_t i = 0; i < free_lists_.size(); ++i) {
    for (const FreeBlock* block = free_lists_[i]; block != nullptr; block = block->next) {
      TEALETPP_CHECK(!ledger_->has(block));
      cached += (i + 1) * granule;
    }
  }
  for (const LargeBlock& large : large_) {
    TEALETPP_CHECK((large.block == nullptr) == (large.bytes == 0));
    TEALETPP_CHECK(!ledger_->has(large.block));
    cached += large.bytes;
  }
  TEALETPP_CHECK(cached == cached_ && cached_ <= cache_bytes_);
  TEALETPP_CHECK(ledger_->bytes() == from_upstream_ - cached_);
#if TEALET_WITH_STATS
  TEALETPP_CHECK(bytes_below_peak_ >= 0 && blocks_below_peak_ >= 0);
  TEALETPP_CHECK(counts().blocks == ledger_->blocks());
#endif
}

#else

CountingAllocator::CountingAllocator(std::pmr::memory_resource* upstream,
                                     std::size_t limit) noexcept
    : upstream_(upstream), limit_(limit) {}

CountingAllocator::~CountingAllocator() { trim(); }

#endif

std::size_t CountingAllocator::trim() noexcept {
  const std::size_t trimmed = cached_;
  for (LargeBlock& large : large_) evict(large);
  for (std::size_t i = 0; i < free_lists_.size(); ++i) {
    while (FreeBlock* block = free_lists_[i]) {
      const std::size_t bytes = (i + 1) * granule;
      free_lists_[i] = block->next;
      cached_ -= bytes;
      deallocate_upstream(block, bytes, block_alignment);
    }
  }
  return trimmed;
}

void CountingAllocator::charge(std::size_t bytes) noexcept {
  from_upstream_ += bytes;
  count_allocation(nullptr, bytes);
  update_peaks();
}

void CountingAllocator::set_cache_bytes(std::size_t bytes) noexcept {
  cache_bytes_ = bytes;
  if (cached_ > bytes) trim();
}

#if TEALET_WITH_STATS

AllocationCounts CountingAllocator::counts() const noexcept {
  AllocationCounts counts;
  counts.bytes = from_upstream_ - cached_;
  counts.bytes_peak = counts.bytes + static_cast<std::size_t>(bytes_below_peak_);
  counts.blocks = blocks_peak_ - static_cast<std::size_t>(blocks_below_peak_);
  counts.blocks_peak = blocks_peak_;
  counts.blocks_total = blocks_total_;
  return counts;
}

void CountingAllocator::reset_peaks() noexcept {
  bytes_below_peak_ = 0;
  blocks_peak_ -= static_cast<std::size_t>(blocks_below_peak_);
  blocks_below_peak_ = 0;
}

void CountingAllocator::update_peaks() noexcept {
  if (bytes_below_peak_ < 0) bytes_below_peak_ = 0;
  if (blocks_below_peak_ < 0) {
    blocks_peak_ -= static_cast<std::size_t>(blocks_below_peak_);
    blocks_below_peak_ = 0;
  }
}

#endif  // TEALET_WITH_STATS

bool CountingAllocator::within_limit(std::size_t bytes) const noexcept {
  return from_upstream_ <= limit_ && bytes <= limit_ - from_upstream_;
}

void* CountingAllocator::try_allocate_slow(std::size_t bytes) noexcept {
  void* block = bytes <= largest_listed ? pop_free_block(free_list_for(bytes), bytes)
                                        : take_large_block(bytes);
  if (block == nullptr) return try_allocate_upstream(bytes, block_alignment);
  update_peaks();
  return block;
}

void* CountingAllocator::take_large_block(std::size_t bytes) noexcept {
  for (LargeBlock& large : large_) {
    if (large.bytes != bytes) continue;
    cached_ -= bytes;
    count_allocation(large.block, bytes);
    return std::exchange(large, {}).block;
  }
  return nullptr;
}

// Precondition: deallocate() has counted the block.
void CountingAllocator::deallocate_slow(void* block, std::size_t bytes) noexcept {
  FreeBlock** list = free_list_for(bytes);
  if (list != nullptr && evict_for(bytes)) {
    push_free_block(list, block, bytes);
  } else if (bytes <= largest_listed || !cache_large(block, bytes)) {
    deallocate_upstream(block, bytes, block_alignment);
  }
}

bool CountingAllocator::cache_large(void* block, std::size_t bytes) noexcept {
  if (!evict_for(bytes)) return false;
  const auto is_free = [](const LargeBlock& large) { return large.block == nullptr; };
  auto* place = std::find_if(large_.begin(), large_.end(), is_free);
  if (place == large_.end()) place = &evict_next();
  *place = {block, bytes};
  cached_ += bytes;
  return true;
}

// Makes space in the cache for `bytes` bytes by evicting large blocks. False if that is not enough;
// nothing is evicted then.
bool CountingAllocator::evict_for(std::size_t bytes) noexcept {
  std::size_t small = cached_;
  for (const LargeBlock& large : large_) small -= large.bytes;
  if (bytes > cache_bytes_ || small > cache_bytes_ - bytes) return false;
  while (cached_ > cache_bytes_ - bytes) evict_next();
  return true;
}

CountingAllocator::LargeBlock& CountingAllocator::evict_next() noexcept {
  LargeBlock& large = large_[next_large_];
  next_large_ = (next_large_ + 1) % large_.size();
  evict(large);
  return large;
}

void CountingAllocator::evict(LargeBlock& large) noexcept {
  if (large.block == nullptr) return;
  cached_ -= large.bytes;
  deallocate_upstream(large.block, large.bytes, block_alignment);
  large = {};
}

void* CountingAllocator::try_allocate_upstream(std::size_t bytes, std::size_t alignment) noexcept {
  if (!within_limit(bytes)) trim();
  if (!within_limit(bytes)) return nullptr;
  for (;;) {
    try {
      void* block = upstream_->allocate(bytes, alignment);
      from_upstream_ += bytes;
      count_allocation(block, bytes);
      update_peaks();
      return block;
    } catch (...) {
      // Upstream may have enough with the cached blocks.
      if (trim() == 0) return nullptr;
    }
  }
}

void CountingAllocator::deallocate_upstream(void* block, std::size_t bytes,
                                            std::size_t alignment) noexcept {
  from_upstream_ -= bytes;
  upstream_->deallocate(block, bytes, alignment);
}

void* CountingAllocator::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (alignment <= block_alignment) {
    if (void* block = try_allocate(bytes)) return block;
    throw std::bad_alloc();
  }
  void* block = try_allocate_upstream(bytes, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void CountingAllocator::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  if (alignment <= block_alignment) {
    deallocate(block, bytes);
    return;
  }
  count_deallocation(block, bytes);
  deallocate_upstream(block, bytes, alignment);
}

bool CountingAllocator::do_is_equal(const std::pmr::memory_resource& other) const noexcept {
  return this == &other;
}

}  // namespace tealet
