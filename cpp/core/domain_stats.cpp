// The statistics of a domain: from the sums, and from the walk that tests compare them with.
#include "core/domain.hpp"

#if TEALET_WITH_STATS

#include <set>

namespace tealet::core {

namespace {

Stats allocated(const CountingAllocator& memory) noexcept {
  Stats stats;
  const AllocationCounts counts = memory.counts();
  stats.bytes_allocated = counts.bytes;
  stats.bytes_allocated_peak = counts.bytes_peak;
  stats.blocks_allocated = counts.blocks;
  stats.blocks_allocated_peak = counts.blocks_peak;
  stats.blocks_allocated_total = counts.blocks_total;
  stats.bytes_cached = memory.bytes_cached();
  stats.blocks_freed_total = counts.blocks_total - counts.blocks;
  return stats;
}

std::size_t other_bytes(const Stats& stats) noexcept {
  return stats.bytes_allocated - stats.saved_stack_bytes - stats.data_stack_bytes -
         stats.node_bytes;
}

}  // namespace

Stats Domain::stats() const noexcept {
  Stats stats = allocated(memory_);
  const Totals& totals = memory_.totals;
  stats.n_active = totals.tealets;
  stats.n_total = totals.tealets_ever;
  stats.stack_count = totals.stacks;
  stats.stack_chunk_count = totals.stacks + totals.further_chunks;
  stats.stack_bytes = totals.bytes;
  stats.stack_bytes_expanded = totals.bytes + totals.bytes_shared;
  stats.stack_bytes_naive =
      stats.stack_bytes_expanded + area_.bytes_in_place() + totals.bytes_defunct;
  stats.saved_stack_bytes = totals.bytes +
                            (totals.stacks + totals.blocks_beyond_stacks) * sizeof(Stack) +
                            totals.chunk_headers * sizeof(Chunk);
  stats.data_stack_bytes = totals.data_stack_bytes;
  stats.node_bytes = totals.node_bytes;
  stats.other_bytes = other_bytes(stats);
  stats.switches = totals.switches;
  stats.stack_grows = totals.stack_grows;
  stats.bytes_saved_total = totals.bytes_saved;
  stats.bytes_restored_total = totals.bytes_restored;
  stats.data_stack_grows = totals.data_stack_grows;
  return stats;
}

Stats Domain::stats_by_walk() const {
  Stats stats = allocated(memory_);
  // These cannot be found by a walk: freed tealets, nodes that an API keeps, memory of an API.
  const Stats kept = this->stats();
  stats.n_total = kept.n_total;
  stats.node_bytes = kept.node_bytes;
  stats.data_stack_bytes = kept.data_stack_bytes;
  stats.switches = kept.switches;
  stats.bytes_saved_total = kept.bytes_saved_total;
  stats.bytes_restored_total = kept.bytes_restored_total;
  stats.stack_grows = kept.stack_grows;
  stats.data_stack_grows = kept.data_stack_grows;
  std::set<const Stack*> seen;
  for (Node* node = main_; node != nullptr; node = node->next_in_tree()) {
    stats.n_active += 1;
    const Stack* stack = node->stack;
    if (stack == nullptr) continue;
    stats.stack_bytes_naive += stack->extent();
    stats.stack_bytes_expanded += stack->saved();
    if (!seen.insert(stack).second) continue;
    stats.saved_stack_bytes += stack->block_bytes();
    if (stack->saved() == 0) continue;
    stats.stack_count += 1;
    stats.stack_chunk_count += stack->chunk_count();
    stats.stack_bytes += stack->saved();
  }
  stats.other_bytes = other_bytes(stats);
  return stats;
}

std::size_t Domain::domain_bytes_by_walk() const {
  const Stats stats = this->stats();
  // Nodes that an API keeps, and data stacks that no tealet has, are in no tree.
  std::size_t bytes = stats.other_bytes + stats.node_bytes + stats.data_stack_bytes;
  std::set<const Stack*> seen;
  for (Node* node = main_; node != nullptr; node = node->next_in_tree()) {
    if (!node->is_main()) {
      bytes -= node->block_size();
      bytes -= data_stack_bytes(*node);
    }
    if (node->stack == nullptr || !seen.insert(node->stack).second) continue;
    // What cannot be divided among the owners.
    const std::size_t all = node->stack->block_bytes();
    bytes += node->is_main() ? all : all % node->stack->owners();
  }
  return bytes;
}

}  // namespace tealet::core

#endif  // TEALET_WITH_STATS
