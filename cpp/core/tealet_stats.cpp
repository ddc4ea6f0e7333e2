// The statistics of one tealet, and the history that they are made of.
#include "core/domain.hpp"

#if TEALET_WITH_STATS

#include <algorithm>

namespace tealet::core {

void Domain::track() noexcept {
  TEALETPP_CHECK(is_open());
  if (tracks_) return;
  tracks_ = true;
  main_->tracked = true;
  main_history_ = {};
  main_history_.created = 1;
}

History* Domain::history_of(Node& node) noexcept {
  if (!node.tracked) return nullptr;
  return node.is_main() ? &main_history_ : &node.history();
}

TEALETPP_COLD void Domain::record_creation(Node& node) noexcept {
  node.tracked = true;
  node.history().created = memory_.totals.tealets_ever;
}

TEALETPP_COLD void Domain::record_resumption(Node& node, const Stack& stack) noexcept {
  History* const history = history_of(node);
  if (history == nullptr) return;
  history->extent_max = std::max(history->extent_max, stack.extent());
  history->stack_grows += stack.further_chunk_count();
  history->switches += 1;
}

TEALETPP_COLD void Domain::record_beginning(Node& node) noexcept {
  if (History* const history = history_of(node)) history->switches += 1;
}

std::size_t Domain::bytes_alone(Node& node) const noexcept {
  std::size_t bytes = node.block_size();
  if (node.stack != nullptr) bytes += node.stack->block_bytes() / node.stack->owners();
  return bytes + data_stack_bytes(node);
}

// Not inline: see check_stack_space().
TEALETPP_NOINLINE TealetStats Domain::stats_of(Node& node) noexcept {
  TealetStats stats;
  stats.extent = extent(node);
  stats.bytes_alone = bytes_alone(node);
  stats.data_stack_bytes = data_stack_bytes(node);
  const History* const history = history_of(node);
  stats.tracked = history != nullptr;
  if (history != nullptr) {
    stats.extent_max = std::max(history->extent_max, stats.extent);
    stats.switches = history->switches;
    stats.stack_grows = history->stack_grows;
    stats.age = memory_.totals.tealets_ever - history->created;
  }
  if (node.stack == nullptr) return stats;
  stats.saved_bytes = node.stack->saved();
  stats.chunk_count = node.stack->chunk_count();
  stats.sharers = node.stack->owners();
  if (history != nullptr) stats.stack_grows += node.stack->further_chunk_count();
  return stats;
}

}  // namespace tealet::core

#endif  // TEALET_WITH_STATS
