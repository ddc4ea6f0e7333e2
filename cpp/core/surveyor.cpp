#include "core/surveyor.hpp"

#if TEALET_WITH_STATS

#include <algorithm>

namespace tealet::core {

namespace {

void count(Histogram& histogram, std::size_t value) noexcept {
  std::size_t power = 0;
  while ((value >>= 1) != 0) ++power;
  histogram[power] += 1;
}

// The smallest value that `percent` of 100 of the values do not exceed: the nearest rank. Changes
// the order of the values.
std::size_t percentile(std::vector<std::size_t>& values, std::size_t percent) {
  const std::size_t rank = (values.size() * percent + 99) / 100;
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

// Changes the order of the values.
Distribution distribution_of(std::vector<std::size_t>& values) {
  Distribution found;
  if (values.empty()) return found;
  found.minimum = values.front();
  for (const std::size_t value : values) {
    found.minimum = std::min(found.minimum, value);
    found.maximum = std::max(found.maximum, value);
    found.total += value;
  }
  found.mean = static_cast<double>(found.total) / static_cast<double>(values.size());
  found.median = percentile(values, 50);
  found.percentile_99 = percentile(values, 99);
  return found;
}

}  // namespace

void Surveyor::add(Node& node) {
  const std::size_t depth = domain_.extent(node);
  const std::size_t cost = domain_.bytes_alone(node);
  depths_.push_back(depth);
  costs_.push_back(cost);
  count(figures_.depths, depth);
  figures_.touched_stack_bytes += (depth + page_ - 1) / page_ * page_ + page_;
  if (node.stack != nullptr) add_stack(*node.stack);
  remember(cost, node);
}

void Surveyor::add_stack(const Stack& stack) {
  if (stack.shared() && !shared_.insert(&stack).second) return;
  stack.for_each_chunk([&](std::size_t size) { count(figures_.chunk_sizes, size); });
}

void Surveyor::remember(std::size_t cost, Node& node) {
  if (most_largest_ == 0) return;
  const Costly found{cost, costs_.size(), &node};
  if (largest_.size() == most_largest_) {
    if (!(found < largest_.front())) return;
    std::pop_heap(largest_.begin(), largest_.end());
    largest_.back() = found;
  } else {
    largest_.push_back(found);
  }
  std::push_heap(largest_.begin(), largest_.end());
}

SurveyFigures Surveyor::figures() {
  figures_.count = costs_.size();
  figures_.depth = distribution_of(depths_);
  figures_.cost = distribution_of(costs_);
  return figures_;
}

SurveyFigures Surveyor::figures_of_domain() {
  SurveyFigures found = figures();
  found.domain_bytes = domain_.stats().bytes_allocated - found.cost.total;
  return found;
}

std::vector<Node*> Surveyor::largest() {
  std::sort_heap(largest_.begin(), largest_.end());
  std::vector<Node*> nodes;
  nodes.reserve(largest_.size());
  for (const Costly& costly : largest_) nodes.push_back(costly.node);
  return nodes;
}

SurveyFigures Domain::survey(std::size_t most_largest, std::vector<Node*>& largest) const {
  Surveyor surveyor(*this, most_largest);
  surveyor.add_all([](const Node&) {});
  largest = surveyor.largest();
  return surveyor.figures_of_domain();
}

}  // namespace tealet::core

#endif  // TEALET_WITH_STATS
