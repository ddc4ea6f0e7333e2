#include "core/block_ledger.hpp"

#include <new>

#include "core/check.hpp"

#if TEALET_CHECKS

namespace tealet::core {

BlockLedger* BlockLedger::create() noexcept {
  return ::new (MallocAllocator<BlockLedger>().allocate(1)) BlockLedger;
}

void BlockLedger::destroy(BlockLedger* ledger) noexcept {
  ledger->~BlockLedger();
  MallocAllocator<BlockLedger>().deallocate(ledger, 1);
}

void BlockLedger::add(const void* block, std::size_t bytes) noexcept {
  bytes_ += bytes;
  if (block == nullptr) {
    charges_ += 1;
    return;
  }
  const bool is_new = live_.emplace(block, bytes).second;
  TEALETPP_CHECK(is_new);
}

void BlockLedger::remove(const void* block, std::size_t bytes) noexcept {
  const auto found = live_.find(block);
  const bool is_live = found != live_.end();
  TEALETPP_CHECK(is_live);
  const bool has_this_size = is_live && found->second == bytes;
  TEALETPP_CHECK(has_this_size);
  bytes_ -= bytes;
  live_.erase(found);
}

}  // namespace tealet::core

#endif  // TEALET_CHECKS
