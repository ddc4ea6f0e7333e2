// PythonDomain::verify(): what ties the objects of Python to the engine, in builds with checks.
#include "core/check.hpp"
#include "python/python_costs.hpp"
#include "python/python_domain.hpp"
#include "python/thread_domains.hpp"

#if TEALET_CHECKS

namespace tealetpp {

namespace {

// A node and its object know each other.
void verify_binding(const PythonDomain& domain, const Node& node, const Tealet& tealet) {
  TEALETPP_CHECK(tealet.node == &node && tealet.domain == &domain);
  TEALETPP_CHECK(Py_REFCNT(tealet.object) > 0);
  const Tealet* const parent = node.is_main() ? nullptr : tealet_of(*node.parent);
  TEALETPP_CHECK(tealet.parent == parent);
}

// A paused execution has put its state away, and a running one has it in the thread state.
void verify_execution(Node& node) {
  const Execution& execution = execution_of(node);
  if (node.status == Status::Running && !node.is_main()) {
    TEALETPP_CHECK(execution.paused_frame == nullptr && execution.context == nullptr);
  } else if (node.status == Status::New && !node.is_main()) {
    TEALETPP_CHECK(execution.paused_frame == nullptr && execution.saved_frames == nullptr);
  } else if (node.status == Status::Suspended && !node.is_main()) {
    TEALETPP_CHECK(execution.saved_frames != nullptr);
  }
}

// Each tealet of a list is held by its domain, and knows its place.
void verify_list(const PythonDomain& domain, const TealetList& list, bool pending) {
  TEALETPP_CHECK(list.has_right_places());
  for (const Tealet* tealet : list.newest_first()) {
    TEALETPP_CHECK(tealet->domain == &domain && Py_REFCNT(tealet->object) > 0);
    TEALETPP_CHECK(tealet->held && tealet->pending == pending);
  }
}

}  // namespace

void PythonDomain::verify() {
  Domain::verify();
  if (!is_open()) return;
  TEALETPP_CHECK(current_tealet->node == &current() && main_tealet->node == &main());
  TEALETPP_CHECK(neighbours.next == nullptr || neighbours.next->neighbours.previous == this);
  TEALETPP_CHECK(neighbours.previous == nullptr || neighbours.previous->neighbours.next == this);
  verify_list(*this, pending_, true);
  verify_list(*this, attempted_, false);
  [[maybe_unused]] std::size_t data_stacks = data_stack.domain_bytes();
  // A discarded tealet's block is freed after what its frames own.
  [[maybe_unused]] const bool has_all_data_stacks = !on_thread->is_discarding();
  for (Node* node = &main(); node != nullptr; node = node->next_in_tree()) {
    data_stacks += data_stack_bytes_of(*node);
    const Tealet* const tealet = tealet_of(*node);
    if (tealet == nullptr) continue;  // created, and not yet bound
    verify_binding(*this, *node, *tealet);
    verify_execution(*node);
    TEALETPP_CHECK(tealet->held || !tealet->pending);
  }
#if TEALET_WITH_STATS
  TEALETPP_CHECK(!has_all_data_stacks || data_stacks == totals().data_stack_bytes);
#endif
}

}  // namespace tealetpp

#endif  // TEALET_CHECKS
