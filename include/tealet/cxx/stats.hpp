// The statistics of a domain: twelve figures, exact at every moment, and what follows from them.
//
// The field names and their meaning follow libtealet's tealet_get_stats(); docs/statistics.md has
// the definitions in full.
#pragma once

#include <tealet/cxx/config.hpp>
#include <tealet/detail/compiler.h>

#include <array>
#include <cstddef>

namespace tealet {

// The figures, as they are (Stats) or as they have changed (StatsDifference). Sizes are bytes. With
// TEALET_WITH_STATS=0 all are zero.
template <class Number>
struct StatsFigures {
  Number n_active = 0;                // tealets that exist: created, not yet deleted; with main
  Number n_total = 0;                 // tealets created since the domain began, main included
  Number bytes_allocated = 0;         // in live blocks, as requested
  Number bytes_allocated_peak = 0;    // the most there ever were, or since the last reset
  Number blocks_allocated = 0;        // live blocks
  Number blocks_allocated_peak = 0;   // the most there ever were, or since the last reset
  Number blocks_allocated_total = 0;  // blocks ever taken
  Number stack_count = 0;             // distinct saved stacks
  Number stack_chunk_count = 0;       // distinct chunks in them
  Number stack_bytes = 0;             // stack data in them, each chunk once
  Number stack_bytes_expanded = 0;    // the same, once for each tealet that shares a chunk
  Number stack_bytes_naive = 0;       // the extents of all paused tealets
  Number bytes_cached = 0;            // blocks kept for reuse: not live, given back by trim()
};

// A snapshot.
struct TEALET_API Stats : StatsFigures<std::size_t> {
  bool enabled = TEALET_WITH_STATS != 0;  // whether the figures are kept

  // stack_bytes_expanded / stack_bytes: how many tealets share a saved byte on average. NaN when
  // nothing is saved.
  double sharing_ratio() const noexcept;
  // stack_bytes_naive / stack_bytes: how many times more stacks cut exactly to size would take. NaN
  // when nothing is saved.
  double memory_efficiency() const noexcept;
  // What the tealets that exist now would take with a stack of `stack_size` bytes each. The main
  // tealet does not count: it has the system stack.
  std::size_t fixed_stack_bytes(std::size_t stack_size) const noexcept;
  // fixed_stack_bytes(stack_size) / stack_bytes. NaN when nothing is saved.
  double efficiency_vs(std::size_t stack_size) const noexcept;
};

// What happened between two snapshots: every figure of the later one less the earlier one's.
struct StatsDifference : StatsFigures<std::ptrdiff_t> {};

TEALET_API StatsDifference operator-(const Stats& later, const Stats& earlier) noexcept;

// Every figure by name, in the order of the definitions: for those who print, compare or bind them.
struct StatsField {
  const char* name;
  std::size_t Stats::* value;
  std::ptrdiff_t StatsDifference::* difference;
};

inline constexpr std::array<StatsField, 13> stats_fields{{
    {"n_active", &Stats::n_active, &StatsDifference::n_active},
    {"n_total", &Stats::n_total, &StatsDifference::n_total},
    {"bytes_allocated", &Stats::bytes_allocated, &StatsDifference::bytes_allocated},
    {"bytes_allocated_peak", &Stats::bytes_allocated_peak, &StatsDifference::bytes_allocated_peak},
    {"blocks_allocated", &Stats::blocks_allocated, &StatsDifference::blocks_allocated},
    {"blocks_allocated_peak", &Stats::blocks_allocated_peak,
     &StatsDifference::blocks_allocated_peak},
    {"blocks_allocated_total", &Stats::blocks_allocated_total,
     &StatsDifference::blocks_allocated_total},
    {"stack_count", &Stats::stack_count, &StatsDifference::stack_count},
    {"stack_chunk_count", &Stats::stack_chunk_count, &StatsDifference::stack_chunk_count},
    {"stack_bytes", &Stats::stack_bytes, &StatsDifference::stack_bytes},
    {"stack_bytes_expanded", &Stats::stack_bytes_expanded, &StatsDifference::stack_bytes_expanded},
    {"stack_bytes_naive", &Stats::stack_bytes_naive, &StatsDifference::stack_bytes_naive},
    {"bytes_cached", &Stats::bytes_cached, &StatsDifference::bytes_cached},
}};

}  // namespace tealet
