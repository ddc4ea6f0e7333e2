// The live blocks of a CountingAllocator with their sizes. Only in builds with checks.
#pragma once

#include <cstddef>
#include <unordered_map>

namespace tealet::core {

class BlockLedger {
 public:
  // Aborts if the block is live already. nullptr: see CountingAllocator::charge().
  void add(const void* block, std::size_t bytes) noexcept;
  // Aborts unless the block is live and has this size.
  void remove(const void* block, std::size_t bytes) noexcept;

  bool has(const void* block) const noexcept { return live_.count(block) != 0; }
  std::size_t blocks() const noexcept { return live_.size() + charges_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::unordered_map<const void*, std::size_t> live_;
  std::size_t charges_ = 0;  // added as nullptr
  std::size_t bytes_ = 0;
};

}  // namespace tealet::core
