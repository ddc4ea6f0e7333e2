// The statistics as a C structure: for the C API, and for the C API of the Python module.
#pragma once

#include <tealet/cxx/stats.hpp>
#include <tealet/tealet.h>

#include <cstddef>

namespace tealet::core {

// tealet_stats_t has the layout of libtealet 0.7, for programs compiled with that: the twelve
// figures that stats_figures.def lists with TEALET_C_FIGURE, in the same order.
namespace c_layout {
enum : std::size_t {
#define TEALET_C_FIGURE(name, ...) name,
#include <tealet/stats_figures.def>
  figures
};
static_assert(figures == 12);
static_assert(sizeof(tealet_stats_t) == figures * sizeof(std::size_t));
#define TEALET_C_FIGURE(name, ...) \
  static_assert(offsetof(tealet_stats_t, name) == name * sizeof(std::size_t));
#include <tealet/stats_figures.def>
}  // namespace c_layout

inline tealet_stats_t to_c(const Stats& stats) noexcept {
  tealet_stats_t figures;
#define TEALET_C_FIGURE(name, ...) figures.name = stats.name;
#include <tealet/stats_figures.def>
  return figures;
}

}  // namespace tealet::core
