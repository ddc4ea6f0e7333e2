// Domain::verify(): all invariants at once. Only in builds with checks.
#include "core/domain.hpp"

#if TEALET_CHECKS

#include <map>
#include <vector>

#include "core/check.hpp"

namespace tealet::core {

namespace {

void verify_links(const Node& node) {
  if (node.is_main()) {
    TEALETPP_CHECK(node.parent == nullptr && node.siblings.next == nullptr);
  } else {
    TEALETPP_CHECK(node.parent != nullptr);
  }
  node.children.verify();
  for (const Node* child = node.children.first(); child != nullptr; child = child->siblings.next) {
    TEALETPP_CHECK(child->parent == &node);
  }
}

// Which far end and stack a node has in each status.
void verify_status(const Node& node, bool is_current) {
  switch (node.status) {
    case Status::New:
      TEALETPP_CHECK(node.far == nullptr && node.stack == nullptr);
      break;
    case Status::Stub:
    case Status::Suspended:
      TEALETPP_CHECK(node.far != nullptr && node.stack != nullptr && !node.stack->defunct());
      break;
    case Status::Running:
      TEALETPP_CHECK(is_current && node.far != nullptr && node.stack == nullptr);
      break;
    case Status::Exited:
      TEALETPP_CHECK(node.stack == nullptr);
      break;
    case Status::Defunct:
      TEALETPP_CHECK(node.stack == nullptr || node.stack->defunct());
      break;
  }
  TEALETPP_CHECK(!is_current || node.status == Status::Running);
  TEALETPP_CHECK(!node.is_main() || node.far != nullptr);
}

// A paused tealet's stack is in the list of its area, unless it is complete or defunct.
void verify_stack(const Node& node) {
  const Stack& stack = *node.stack;
  TEALETPP_CHECK(stack.far() == node.far);
  TEALETPP_CHECK(stack.near() < stack.far());
  TEALETPP_CHECK(stack.chunks_add_up());
  TEALETPP_CHECK(node.area->lists(stack) == (!stack.complete() && !stack.defunct()));
  TEALETPP_CHECK(node.is_main() || node.far <= node.area->highest_far());
}

#if TEALET_WITH_STATS
void verify_figures(const Stats& kept, const Stats& walked) {
  for (const StatsField& field : stats_fields) {
    const bool add_up = kept.*field.value == walked.*field.value;
    TEALETPP_CHECK(add_up);
  }
}
#endif

}  // namespace

void Domain::verify() const {
  memory_.verify();
  if (!is_open()) return;
  TEALETPP_CHECK(main_->is_main() && current_->domain() == this);
  TEALETPP_CHECK(jump_.ended == nullptr);
  std::map<const Stack*, std::uint32_t> owners;
  bool has_current = false;
  bool has_previous = previous_ == nullptr;
  for (Node* node = main_; node != nullptr; node = node->next_in_tree()) {
    TEALETPP_CHECK(node->domain() == this);
    verify_links(*node);
    verify_status(*node, node == current_);
    if (node->stack != nullptr) {
      verify_stack(*node);
      owners[node->stack] += 1;
    }
    has_current = has_current || node == current_;
    has_previous = has_previous || node == previous_;
  }
  TEALETPP_CHECK(has_current && has_previous);
  for (const auto& [stack, count] : owners) TEALETPP_CHECK(stack->owners() == count);
  area_.verify(owners.size());
  nesting_.verify();
#if TEALET_WITH_STATS
  verify_figures(stats(), stats_by_walk());
  std::vector<Node*> largest;
  TEALETPP_CHECK(survey(0, largest).domain_bytes == domain_bytes_by_walk());
#endif
}

}  // namespace tealet::core

#endif  // TEALET_CHECKS
