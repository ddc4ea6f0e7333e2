// Sums up what a selection of tealets takes.
#pragma once

#include <tealet/cxx/tealet_stats.hpp>

#include <cstddef>
#include <set>
#include <vector>

#include "core/domain.hpp"
#include "port/pages.hpp"

namespace tealet::core {

#if TEALET_WITH_STATS

// Functions that allocate may throw std::bad_alloc.
class Surveyor {
 public:
  // `largest`: how many of the largest tealets to remember.
  explicit Surveyor(const Domain& domain, std::size_t largest = 0)
      : domain_(domain), page_(port::page_size()), most_largest_(largest) {}

  void add(Node& node);
  // Adds all tealets of the domain but main, and calls `visit` with each.
  template <class Visit>
  void add_all(Visit visit) {
    if (!domain_.is_open()) return;
    domain_.for_each_tealet([&](Node& node) {
      add(node);
      visit(node);
    });
  }
  // All but `domain_bytes`. To be called once, after the last add().
  SurveyFigures figures();
  // The same after add_all(), with `domain_bytes`.
  SurveyFigures figures_of_domain();
  // Those of the largest cost, the largest first; of equal ones the one that was added first.
  std::vector<Node*> largest();

 private:
  void add_stack(const Stack& stack);
  void remember(std::size_t cost, Node& node);

  const Domain& domain_;
  const std::size_t page_;
  std::vector<std::size_t> depths_;
  std::vector<std::size_t> costs_;
  std::set<const Stack*> shared_;  // the shared ones that were added
  SurveyFigures figures_;

  // A tealet and its cost. Tealets are numbered in the order in which they were added. The order of
  // operator< is that of largest(): the most costly first.
  struct Costly {
    std::size_t cost;
    std::size_t number;
    Node* node;
    bool operator<(const Costly& other) const noexcept {
      return cost != other.cost ? cost > other.cost : number < other.number;
    }
  };
  std::size_t most_largest_;
  std::vector<Costly> largest_;  // a heap with the one of the smallest cost in front
};

#else

class Surveyor {
 public:
  explicit Surveyor(const Domain&, std::size_t = 0) noexcept {}
  void add(Node&) noexcept {}
  template <class Visit>
  void add_all(Visit) noexcept {}
  SurveyFigures figures() noexcept { return {}; }
  SurveyFigures figures_of_domain() noexcept { return {}; }
  std::vector<Node*> largest() noexcept { return {}; }
};

#endif

}  // namespace tealet::core
