// The statistics of one tealet, and a survey of all tealets of a domain.
//
// <tealet/tealet_figures.def> lists the figures of a tealet; docs/statistics.md defines all of
// them.
#pragma once

#include <tealet/cxx/config.hpp>

#include <array>
#include <cstddef>

namespace tealet {

// What one tealet takes. Sizes are in bytes. With TEALET_WITH_STATS=0 all are zero.
struct TealetStats {
  bool enabled = TEALET_WITH_STATS != 0;  // whether statistics are compiled in
  bool tracked = false;  // whether the history is recorded: extent_max, switches, stack_grows, age
#define TEALET_FIGURE(name, ...) std::size_t name = 0;
#include <tealet/tealet_figures.def>
};

// One quantity over the tealets of a survey. All zero if there are none.
struct Distribution {
  std::size_t minimum = 0;
  std::size_t median = 0;         // the smallest value that half of them do not exceed
  std::size_t percentile_99 = 0;  // the smallest value that 99 of 100 do not exceed
  std::size_t maximum = 0;
  std::size_t total = 0;
  double mean = 0;
};

// Element i counts the values from 2^i to 2^(i+1) - 1. The first one counts zero, too.
using Histogram = std::array<std::size_t, 64>;

// All tealets of a domain but main, which has the system stack. Sizes are in bytes.
struct SurveyFigures {
  bool enabled = TEALET_WITH_STATS != 0;  // otherwise all are zero
  std::size_t count = 0;                  // tealets
  Distribution depth;                     // of TealetStats::extent
  Distribution cost;                      // of TealetStats::bytes_alone
  Histogram depths{};
  Histogram chunk_sizes{};  // of saved chunks, each once
  // What fixed stacks would have touched: each extent rounded up to pages, and one page more.
  std::size_t touched_stack_bytes = 0;
  // What no tealet of the survey takes: main's part, and what the domain or the API keeps.
  // `cost.total` and this add up to Stats::bytes_allocated.
  std::size_t domain_bytes = 0;
};

}  // namespace tealet
