#include "python/engine_hooks.hpp"

#include <utility>

#include "core/check.hpp"
#include "python/guarded.hpp"
#include "python/lifetime.hpp"
#include "python/python_costs.hpp"
#include "python/python_domain.hpp"
#include "python/switching.hpp"

namespace tealetpp {

namespace {

bool release(Node& node) {
  Tealet* tealet = tealet_of(node);
  if (tealet == nullptr) return true;
  TEALETPP_CHECK(is_bound(node));
  TEALETPP_CHECK(node.is_main() || is_empty(execution_of(node)));  // main's is the caller's
  auto& domain = static_cast<PythonDomain&>(*node.domain());
  tealet->node = nullptr;
  if (Tealet* parent = std::exchange(tealet->parent, nullptr)) {
    const bool reparenting = std::exchange(domain.reparenting, true);
    domain.unrefer(parent);
    domain.reparenting = reparenting;
  }
  return true;
}

void close(tealet::core::Domain& domain) {
  // One of its tealets may own the last reference.
  Tealet* main = static_cast<PythonDomain&>(domain).main_tealet;
  Py_INCREF(main->object);
  if (!close_domain(main)) PyErr_WriteUnraisable(main->object);
  Py_DECREF(main->object);
}

// Moves the reference to the parent, which may be the former parent's last one.
void reparented(Node& child) {
  Tealet* tealet = tealet_of(child);
  if (tealet == nullptr) return;  // just created: bind() does it
  TEALETPP_CHECK(is_bound(child) && is_bound(*child.parent));
  auto& domain = static_cast<PythonDomain&>(*child.domain());
  const bool reparenting = std::exchange(domain.reparenting, true);
  Tealet* parent = tealet_of(*child.parent);
  domain.refer(parent);
  domain.unrefer(std::exchange(tealet->parent, parent));
  domain.reparenting = reparenting;
}

}  // namespace

const tealet::core::Hooks engine_hooks{
    run, guarded<release>, guarded<close>, guarded<reparented>, data_stack_bytes_of, true};

}  // namespace tealetpp
