// The statistics of a domain: exact figures and ratios of them.
//
// <tealet/stats_figures.def> lists the figures with one sentence each; docs/statistics.md defines
// them. Figures that C has too have their names from libtealet's tealet_get_stats().
#pragma once

#include <tealet/cxx/config.hpp>
#include <tealet/detail/compiler.h>

#include <array>
#include <cstddef>

namespace tealet {

// Every figure of <tealet/stats_figures.def> is a member: n_active, n_total, bytes_allocated ...
// Sizes are in bytes. With TEALET_WITH_STATS=0 all are zero.
template <class Number>
struct StatsFigures {
#define TEALET_FIGURE(name, ...) Number name = 0;
#include <tealet/stats_figures.def>
};

// A snapshot of the figures.
struct TEALET_API Stats : StatsFigures<std::size_t> {
  bool enabled = TEALET_WITH_STATS != 0;  // whether statistics are compiled in
  // When it was taken: seconds of a clock that never goes back. The zero is arbitrary.
  double seconds = 0;

  // stack_bytes_expanded / stack_bytes: how many tealets share a saved byte on average. NaN when
  // nothing is saved.
  double sharing_ratio() const noexcept;
  // stack_bytes_naive / stack_bytes: how many times as much stacks cut exactly to size would take.
  // NaN when nothing is saved.
  double memory_efficiency() const noexcept;
  // The address space that the tealets which exist now would reserve with fixed stacks of
  // `stack_size` bytes. The main tealet does not count: it has the system stack.
  std::size_t fixed_stack_bytes(std::size_t stack_size) const noexcept;
  // fixed_stack_bytes(stack_size) / stack_bytes. NaN when nothing is saved.
  double efficiency_vs(std::size_t stack_size) const noexcept;
};

// The change between two snapshots: each figure of the later one minus that of the earlier one.
struct TEALET_API StatsDifference : StatsFigures<std::ptrdiff_t> {
  double seconds = 0;  // between the two

  // The change of one figure for each second: per_second(&StatsDifference::switches). NaN if no
  // time has passed.
  double per_second(std::ptrdiff_t StatsDifference::* figure) const noexcept;
};

TEALET_API StatsDifference operator-(const Stats& later, const Stats& earlier) noexcept;

enum class StatsUnit { count, bytes };

enum class StatsKind {
  now,    // what exists now; has its first value again once everything but main is closed
  peak,   // the maximum of such a figure since the domain began or since the last reset
  total,  // never falls
  held,   // what the program refers to, ended tealets included
  cached  // what is cached for reuse
};

// Describes one figure, for code that prints, compares or binds all of them.
struct StatsField {
  const char* name;
  std::size_t Stats::* value;
  std::ptrdiff_t StatsDifference::* difference;
  StatsUnit unit;
  StatsKind kind;
  const char* group;    // figures of one group are printed together
  const char* label;    // its name in a printed table
  const char* meaning;  // one sentence
};

// All figures, in the order of the table.
inline constexpr std::array stats_fields{
#define TEALET_FIGURE(name, unit, kind, group, label, meaning)                               \
  StatsField{                                                                                \
      #name, &Stats::name, &StatsDifference::name, StatsUnit::unit, StatsKind::kind, #group, \
      label, meaning},
#include <tealet/stats_figures.def>
};

}  // namespace tealet
