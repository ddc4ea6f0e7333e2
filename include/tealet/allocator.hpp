// The allocator that a domain takes all its memory from, and the only place that counts it.
#pragma once

#include <tealet/config.hpp>

#include <array>
#include <cstddef>
#include <limits>
#include <memory_resource>
#include <new>

namespace tealet {

// The default upstream: malloc and free. Throws std::bad_alloc when they have nothing left.
std::pmr::memory_resource* malloc_resource() noexcept;

// Live blocks and bytes, as requested. All zero when statistics are compiled out.
struct AllocationCounts {
  std::size_t bytes = 0;
  std::size_t bytes_peak = 0;
  std::size_t blocks = 0;
  std::size_t blocks_peak = 0;
  std::size_t blocks_total = 0;
};

// Hands out blocks of an upstream memory resource, counts them, keeps some freed ones for the next
// request of exactly the same size, and refuses what would pass an optional byte limit.
//
// Always: counts().bytes + bytes_cached() == bytes_from_upstream().
//
// Not thread-safe: it belongs to one domain, which belongs to one thread.
class CountingAllocator final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t default_cache_bytes = 64 * 1024;

  // `limit`: the most bytes ever taken from `upstream` at once, kept blocks included.
  explicit CountingAllocator(std::pmr::memory_resource* upstream = malloc_resource(),
                             std::size_t limit = no_limit) noexcept;
  ~CountingAllocator() override;
  CountingAllocator(const CountingAllocator&) = delete;
  CountingAllocator& operator=(const CountingAllocator&) = delete;

  // A block of `bytes` bytes aligned for any type, or nullptr where the memory_resource interface
  // throws std::bad_alloc: past the limit, or when upstream fails.
  [[nodiscard]] void* take(std::size_t bytes) noexcept;
  // Takes back a block of take(); `bytes` as given there.
  void give(void* block, std::size_t bytes) noexcept;
  // Counts a block of take() as returned, but leaves it to whoever may still look at it, for ever.
  void abandon(void* block, std::size_t bytes) noexcept;

  // Counts `bytes` bytes that the owner of this allocator took from upstream by itself, for good.
  void adopt(std::size_t bytes) noexcept;

  // Gives every kept block back to upstream; returns how many bytes that were.
  std::size_t trim() noexcept;
  // Keeps at most this many bytes for reuse from now on; 0 keeps nothing.
  void set_cache_bytes(std::size_t bytes) noexcept;

  // What is live now, and was at the most.
  AllocationCounts counts() const noexcept;
  // Both peaks become the current values.
  void reset_peaks() noexcept;
  // In kept blocks: not live, and not in counts().
  std::size_t bytes_cached() const noexcept { return cached_; }
  // In all blocks taken from upstream and not given back: what the limit is for.
  std::size_t bytes_from_upstream() const noexcept { return from_upstream_; }
  std::size_t limit() const noexcept { return limit_; }
  // What is already taken stays, also beyond the new limit.
  void set_limit(std::size_t bytes) noexcept { limit_ = bytes; }
  std::pmr::memory_resource* upstream() const noexcept { return upstream_; }

 private:
  // Blocks are kept by exact size, so that upstream gets back each block with the size it was asked
  // for. The engine asks for multiples of the granule only; other sizes are never kept.
  static constexpr std::size_t granule = alignof(std::max_align_t);
  static constexpr std::size_t largest_kept = 4096;
  struct Kept {
    Kept* next;
  };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override;

  bool within_limit(std::size_t bytes) const noexcept;
  void* take_from_upstream(std::size_t bytes, std::size_t alignment) noexcept;
  void give_to_upstream(void* block, std::size_t bytes, std::size_t alignment) noexcept;
  Kept** shelf(std::size_t bytes) noexcept;
  void count_taken(std::size_t bytes) noexcept;
  void count_given(std::size_t bytes) noexcept;

  std::pmr::memory_resource* upstream_;
  std::size_t limit_;
  std::size_t from_upstream_ = 0;
  std::size_t cached_ = 0;
  std::size_t cache_bytes_ = default_cache_bytes;
#if TEALET_WITH_STATS
  AllocationCounts counts_;
#endif
  std::array<Kept*, largest_kept / granule> shelves_{};
};

inline CountingAllocator::Kept** CountingAllocator::shelf(std::size_t bytes) noexcept {
  const bool kept = bytes % granule == 0 && bytes != 0 && bytes <= largest_kept;
  return kept ? &shelves_[bytes / granule - 1] : nullptr;
}

inline void CountingAllocator::count_taken([[maybe_unused]] std::size_t bytes) noexcept {
#if TEALET_WITH_STATS
  counts_.bytes += bytes;
  if (counts_.bytes > counts_.bytes_peak) counts_.bytes_peak = counts_.bytes;
  counts_.blocks += 1;
  if (counts_.blocks > counts_.blocks_peak) counts_.blocks_peak = counts_.blocks;
  counts_.blocks_total += 1;
#endif
}

inline void CountingAllocator::count_given([[maybe_unused]] std::size_t bytes) noexcept {
#if TEALET_WITH_STATS
  counts_.bytes -= bytes;
  counts_.blocks -= 1;
#endif
}

inline void* CountingAllocator::take(std::size_t bytes) noexcept {
  void* block = nullptr;
  Kept** kept = shelf(bytes);
  if (kept != nullptr && *kept != nullptr) {
    block = *kept;
    *kept = (*kept)->next;
    cached_ -= bytes;
  } else {
    block = take_from_upstream(bytes, granule);
    if (block == nullptr) return nullptr;
  }
  count_taken(bytes);
  return block;
}

inline void CountingAllocator::give(void* block, std::size_t bytes) noexcept {
  count_given(bytes);
  Kept** kept = shelf(bytes);
  if (kept != nullptr && cached_ + bytes <= cache_bytes_) {
    *kept = ::new (block) Kept{*kept};
    cached_ += bytes;
  } else {
    give_to_upstream(block, bytes, granule);
  }
}

}  // namespace tealet
