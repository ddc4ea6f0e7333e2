#include <tealet/cxx/stats.hpp>

#include <limits>

namespace tealet {

namespace {

double ratio(std::size_t part, std::size_t whole) noexcept {
  if (whole == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double Stats::sharing_ratio() const noexcept { return ratio(stack_bytes_expanded, stack_bytes); }

double Stats::memory_efficiency() const noexcept { return ratio(stack_bytes_naive, stack_bytes); }

std::size_t Stats::fixed_stack_bytes(std::size_t stack_size) const noexcept {
  const std::size_t tealets = n_active == 0 ? 0 : n_active - 1;
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  return tealets != 0 && stack_size > most / tealets ? most : tealets * stack_size;
}

double Stats::efficiency_vs(std::size_t stack_size) const noexcept {
  return ratio(fixed_stack_bytes(stack_size), stack_bytes);
}

StatsDifference operator-(const Stats& later, const Stats& earlier) noexcept {
  StatsDifference difference;
#define TEALET_FIGURE(name, ...) \
  difference.name = static_cast<std::ptrdiff_t>(later.name - earlier.name);
#include <tealet/stats_figures.def>
  difference.seconds = later.seconds - earlier.seconds;
  return difference;
}

double StatsDifference::per_second(std::ptrdiff_t StatsDifference::* figure) const noexcept {
  if (seconds == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(this->*figure) / seconds;
}

}  // namespace tealet
