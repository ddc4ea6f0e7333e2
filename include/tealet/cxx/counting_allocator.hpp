// The allocator of all memory of a domain. The only place that counts it.
#pragma once

#include <tealet/cxx/config.hpp>
#include <tealet/detail/compiler.h>

#include <array>
#include <cstddef>
#include <limits>
#include <memory_resource>
#include <new>

namespace tealet {

#if TEALET_CHECKS
namespace core {
class BlockLedger;
}
#endif

// The default upstream: malloc and free. Throws std::bad_alloc if malloc fails.
TEALET_API std::pmr::memory_resource* malloc_resource() noexcept;

// Live blocks and their bytes, as requested. All zero with TEALET_WITH_STATS=0.
struct AllocationCounts {
  std::size_t bytes = 0;
  std::size_t bytes_peak = 0;
  std::size_t blocks = 0;
  std::size_t blocks_peak = 0;
  std::size_t blocks_total = 0;
};

// Allocates from an upstream memory resource, and counts live blocks and bytes. Caches freed blocks
// for the next request of exactly the same size. Has an optional byte limit, past which allocation
// fails.
//
// Invariant: counts().bytes + bytes_cached() == bytes_from_upstream().
//
// Not thread-safe: it belongs to one domain, which belongs to one thread.
class TEALET_API CountingAllocator : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t default_cache_bytes = 256 * 1024;

  // `limit`: the most bytes to hold from `upstream` at once, cached blocks included.
  explicit CountingAllocator(std::pmr::memory_resource* upstream = malloc_resource(),
                             std::size_t limit = no_limit) noexcept;
  ~CountingAllocator() override;
  CountingAllocator(const CountingAllocator&) = delete;
  CountingAllocator& operator=(const CountingAllocator&) = delete;

  // A block of `bytes` bytes, aligned for any type. nullptr past the limit or if upstream fails,
  // where allocate() throws std::bad_alloc.
  [[nodiscard]] void* try_allocate(std::size_t bytes) noexcept;
  // Fast path of try_allocate(): a cached block, unless that would make a new peak. nullptr does
  // not mean that try_allocate() fails.
  [[nodiscard]] void* try_allocate_cached(std::size_t bytes) noexcept;
  // Frees a block of try_allocate(). `bytes` must be the same as there.
  void deallocate(void* block, std::size_t bytes) noexcept;
  // The same for a block of allocate(), with the alignment that was passed there.
  void deallocate(void* block, std::size_t bytes, std::size_t alignment) {
    do_deallocate(block, bytes, alignment);
  }

  // The same as try_allocate() and deallocate(), faster for blocks of more than 4 KiB of which one
  // is allocated and freed again and again.
  [[nodiscard]] void* try_allocate_large(std::size_t bytes) noexcept;
  void deallocate_large(void* block, std::size_t bytes) noexcept;

  // Counts `bytes` bytes, as one block, that the owner of this allocator has allocated from
  // upstream itself. They stay counted.
  void charge(std::size_t bytes) noexcept;

  // Returns every cached block upstream. The result is how many bytes that were.
  std::size_t trim() noexcept;
  // Caches at most this many bytes from now on. 0: caches nothing.
  void set_cache_bytes(std::size_t bytes) noexcept;

#if TEALET_WITH_STATS
  AllocationCounts counts() const noexcept;
  // Both peaks become the current values.
  void reset_peaks() noexcept;
#else
  AllocationCounts counts() const noexcept { return {}; }
  void reset_peaks() noexcept {}
#endif
  // Bytes in cached blocks. They are not live and not in counts().
  std::size_t bytes_cached() const noexcept { return cached_; }
  // Bytes in all blocks held from upstream, live or cached. The limit applies to these.
  std::size_t bytes_from_upstream() const noexcept { return from_upstream_; }
  std::size_t limit() const noexcept { return limit_; }
  // Existing blocks stay, even if they exceed the new limit.
  void set_limit(std::size_t bytes) noexcept { limit_ = bytes; }
  std::pmr::memory_resource* upstream() const noexcept { return upstream_; }

#if TEALET_CHECKS
  // Walks all blocks, and aborts if an invariant is broken.
  void verify() const noexcept;
#endif

 private:
  // One free list for each multiple of the granule: a block must return upstream with the size that
  // it was allocated with. Small blocks of other sizes are not cached; the engine makes almost
  // none.
  static constexpr std::size_t granule = 8;
  static constexpr std::size_t largest_listed = 4096;
  static constexpr std::size_t block_alignment = alignof(std::max_align_t);
  struct FreeBlock {
    FreeBlock* next;
  };
  // A few larger blocks are cached too. They are evicted to make space for small ones.
  struct LargeBlock {
    void* block = nullptr;
    std::size_t bytes = 0;
  };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override;

  bool within_limit(std::size_t bytes) const noexcept;
  void* pop_free_block(FreeBlock** list, std::size_t bytes) noexcept;
  void push_free_block(FreeBlock** list, void* block, std::size_t bytes) noexcept;
  void* try_allocate_slow(std::size_t bytes) noexcept;
  void* take_large_block(std::size_t bytes) noexcept;
  void deallocate_slow(void* block, std::size_t bytes) noexcept;
  bool cache_large(void* block, std::size_t bytes) noexcept;
  bool evict_for(std::size_t bytes) noexcept;
  void evict(LargeBlock& large) noexcept;
  LargeBlock& evict_next() noexcept;
  void* try_allocate_upstream(std::size_t bytes, std::size_t alignment) noexcept;
  void deallocate_upstream(void* block, std::size_t bytes, std::size_t alignment) noexcept;
  FreeBlock** free_list_for(std::size_t bytes) noexcept;
#if TEALET_WITH_STATS
  // Whether a block of `bytes` bytes would make a new peak.
  bool makes_peak(std::size_t bytes) const noexcept {
    return bytes_below_peak_ < static_cast<std::ptrdiff_t>(bytes) || blocks_below_peak_ == 0;
  }
  void update_peaks() noexcept;  // after an allocation
#else
  static bool makes_peak(std::size_t) noexcept { return false; }
  void update_peaks() noexcept {}
#endif
  void count_allocation(void* block, std::size_t bytes) noexcept;
  void count_deallocation(void* block, std::size_t bytes) noexcept;
#if TEALET_CHECKS
  void record_allocation(void* block, std::size_t bytes) noexcept;
  void record_deallocation(void* block, std::size_t bytes) noexcept;
#else
  void record_allocation(void*, std::size_t) noexcept {}
  void record_deallocation(void*, std::size_t) noexcept {}
#endif

  std::pmr::memory_resource* upstream_;
  std::size_t limit_;
  std::size_t from_upstream_ = 0;
  std::size_t cached_ = 0;
  std::size_t cache_bytes_ = default_cache_bytes;
#if TEALET_WITH_STATS
  // The invariant gives the live bytes, so they have no counter. A peak is stored as the distance
  // from the current value to it. There is a new peak when the distance falls below zero.
  std::ptrdiff_t bytes_below_peak_ = 0;
  std::size_t blocks_total_ = 0;
  // Not next to the other distance: compilers would update both as one vector, and its load would
  // stall until the earlier, separate stores have reached the cache.
  std::ptrdiff_t blocks_below_peak_ = 0;
  std::size_t blocks_peak_ = 0;
#endif
  std::array<FreeBlock*, largest_listed / granule> free_lists_{};
  std::array<LargeBlock, 4> large_{};
  std::size_t next_large_ = 0;  // index in large_ of the block to evict next
#if TEALET_CHECKS
  core::BlockLedger* ledger_;
#endif
};

inline CountingAllocator::FreeBlock** CountingAllocator::free_list_for(std::size_t bytes) noexcept {
  static_assert(granule == 8);
  // The rotation makes zero, and any size that is not a multiple of the granule, too large.
  const std::size_t number = ((bytes >> 3) | (bytes << 61)) - 1;
  return number < free_lists_.size() ? &free_lists_[number] : nullptr;
}

inline void CountingAllocator::count_allocation(void* block, std::size_t bytes) noexcept {
  record_allocation(block, bytes);
#if TEALET_WITH_STATS
  blocks_total_ += 1;
  bytes_below_peak_ -= static_cast<std::ptrdiff_t>(bytes);
  blocks_below_peak_ -= 1;
#endif
}

inline void CountingAllocator::count_deallocation(void* block, std::size_t bytes) noexcept {
  record_deallocation(block, bytes);
#if TEALET_WITH_STATS
  bytes_below_peak_ += static_cast<std::ptrdiff_t>(bytes);
  blocks_below_peak_ += 1;
#endif
}

inline void* CountingAllocator::try_allocate_cached(std::size_t bytes) noexcept {
  return makes_peak(bytes) ? nullptr : pop_free_block(free_list_for(bytes), bytes);
}

inline void* CountingAllocator::pop_free_block(FreeBlock** list, std::size_t bytes) noexcept {
  if (list == nullptr || *list == nullptr) return nullptr;
  void* block = *list;
  *list = (*list)->next;
  cached_ -= bytes;
  count_allocation(block, bytes);
  return block;
}

inline void* CountingAllocator::try_allocate(std::size_t bytes) noexcept {
  void* block = try_allocate_cached(bytes);
  return block != nullptr ? block : try_allocate_slow(bytes);
}

inline void CountingAllocator::deallocate(void* block, std::size_t bytes) noexcept {
  count_deallocation(block, bytes);
  FreeBlock** list = free_list_for(bytes);
  if (list != nullptr && cached_ + bytes <= cache_bytes_) {
    push_free_block(list, block, bytes);
  } else {
    deallocate_slow(block, bytes);
  }
}

inline void* CountingAllocator::try_allocate_large(std::size_t bytes) noexcept {
  LargeBlock& latest = large_[0];
  if (latest.bytes != bytes || makes_peak(bytes)) return try_allocate(bytes);
  cached_ -= bytes;
  count_allocation(latest.block, bytes);
  void* const block = latest.block;
  latest = {};
  return block;
}

inline void CountingAllocator::deallocate_large(void* block, std::size_t bytes) noexcept {
  count_deallocation(block, bytes);
  if (bytes > largest_listed && large_[0].block == nullptr && cached_ + bytes <= cache_bytes_) {
    large_[0] = {block, bytes};
    cached_ += bytes;
  } else {
    deallocate_slow(block, bytes);
  }
}

inline void CountingAllocator::push_free_block(FreeBlock** list, void* block,
                                               std::size_t bytes) noexcept {
  *list = ::new (block) FreeBlock{*list};
  cached_ += bytes;
}

}  // namespace tealet
