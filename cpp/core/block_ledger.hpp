// The block ledger: every live block of a CountingAllocator, with its size. Only in builds with
// checks.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <unordered_map>
#include <utility>

namespace tealet::core {

// Allocates for the ledger itself. Not through operator new, which a program may have replaced in
// order to count its own allocations.
template <class T>
struct MallocAllocator {
  using value_type = T;

  MallocAllocator() noexcept = default;
  template <class U>
  explicit MallocAllocator(const MallocAllocator<U>&) noexcept {}

  T* allocate(std::size_t count) noexcept {
    void* const block = std::malloc(count * sizeof(T));
    if (block == nullptr) std::abort();
    return static_cast<T*>(block);
  }
  void deallocate(T* block, std::size_t) noexcept { std::free(block); }

  friend bool operator==(const MallocAllocator&, const MallocAllocator&) noexcept { return true; }
  friend bool operator!=(const MallocAllocator&, const MallocAllocator&) noexcept { return false; }
};

class BlockLedger {
 public:
  static BlockLedger* create() noexcept;
  static void destroy(BlockLedger* ledger) noexcept;

  // Aborts if the block is live already. nullptr: the block of CountingAllocator::charge(), whose
  // address is not known.
  void add(const void* block, std::size_t bytes) noexcept;
  // Aborts unless the block is live and has this size.
  void remove(const void* block, std::size_t bytes) noexcept;

  bool has(const void* block) const noexcept { return live_.count(block) != 0; }
  std::size_t blocks() const noexcept { return live_.size() + charges_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  using Entry = std::pair<const void* const, std::size_t>;

  std::unordered_map<const void*, std::size_t, std::hash<const void*>, std::equal_to<>,
                     MallocAllocator<Entry>>
      live_;
  std::size_t charges_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace tealet::core
