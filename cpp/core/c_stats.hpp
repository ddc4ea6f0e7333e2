// The statistics as C has them: for the C API, and for that of the Python module.
#pragma once

#include <tealet/cxx/stats.hpp>
#include <tealet/tealet.h>

namespace tealet::core {

inline tealet_stats_t to_c(const Stats& stats) noexcept {
  tealet_stats_t figures;
  figures.n_active = stats.n_active;
  figures.n_total = stats.n_total;
  figures.bytes_allocated = stats.bytes_allocated;
  figures.bytes_allocated_peak = stats.bytes_allocated_peak;
  figures.blocks_allocated = stats.blocks_allocated;
  figures.blocks_allocated_peak = stats.blocks_allocated_peak;
  figures.blocks_allocated_total = stats.blocks_allocated_total;
  figures.stack_count = stats.stack_count;
  figures.stack_chunk_count = stats.stack_chunk_count;
  figures.stack_bytes = stats.stack_bytes;
  figures.stack_bytes_expanded = stats.stack_bytes_expanded;
  figures.stack_bytes_naive = stats.stack_bytes_naive;
  return figures;
}

}  // namespace tealet::core
