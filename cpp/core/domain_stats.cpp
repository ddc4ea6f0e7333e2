// The statistics of a domain: from the sums, and from the walk that tests compare them with.
#include "core/domain.hpp"

#if TEALET_WITH_STATS

#include <set>

namespace tealet::core {

namespace {

Stats stats_of(const CountingAllocator& memory) noexcept {
  Stats stats;
  const AllocationCounts counts = memory.counts();
  stats.bytes_allocated = counts.bytes;
  stats.bytes_allocated_peak = counts.bytes_peak;
  stats.blocks_allocated = counts.blocks;
  stats.blocks_allocated_peak = counts.blocks_peak;
  stats.blocks_allocated_total = counts.blocks_total;
  stats.bytes_cached = memory.bytes_cached();
  return stats;
}

}  // namespace

Stats Domain::stats() const noexcept {
  Stats stats = stats_of(memory_);
  const Totals& totals = memory_.totals;
  stats.n_active = totals.tealets;
  stats.n_total = totals.tealets_ever;
  stats.stack_count = totals.stacks;
  stats.stack_chunk_count = totals.stacks + totals.further_chunks;
  stats.stack_bytes = totals.bytes;
  stats.stack_bytes_expanded = totals.bytes + totals.bytes_shared;
  stats.stack_bytes_naive =
      stats.stack_bytes_expanded + area_.bytes_in_place() + totals.bytes_defunct;
  return stats;
}

Stats Domain::stats_by_walk() const {
  Stats stats = stats_of(memory_);
  stats.n_total = this->stats().n_total;  // freed tealets cannot be counted
  std::set<const Stack*> seen;
  for (Node* node = main_; node != nullptr; node = node->next_in_tree()) {
    stats.n_active += 1;
    const Stack* stack = node->stack;
    if (stack == nullptr) continue;
    stats.stack_bytes_naive += stack->extent();
    stats.stack_bytes_expanded += stack->saved();
    if (stack->saved() == 0 || !seen.insert(stack).second) continue;
    stats.stack_count += 1;
    stats.stack_chunk_count += stack->chunk_count();
    stats.stack_bytes += stack->saved();
  }
  return stats;
}

}  // namespace tealet::core

#endif  // TEALET_WITH_STATS
