#include "python/execution_place.hpp"

#include "core/check.hpp"
#include "python/all_domains.hpp"
#include "python/python_domain.hpp"

namespace tealetpp {

namespace {

// Where the switches of the domain of `node` have left what is its execution: with that of a nested
// domain in it, if one of its tealets was running.
Place outermost_place_of(Node& node) {
  Node* inner = &node;
  while (inner->domain() != nullptr && &inner->domain()->current() == inner) {
    inner = tealet::core::Nesting::entered_from(*inner);
  }
  if (inner->domain() != nullptr) return {&execution_of(*inner), nullptr};
  // No domain has put it away. Another library may have.
  auto& domain = static_cast<PythonDomain&>(*node.domain());
  return domain.usable() == Errc::ok ? Place{nullptr, PyThreadState_Get()} : Place{};
}

}  // namespace

// A tealet of an inner domain may run inside `tealet`. Then the switch to it has put the state of
// `tealet` away as that of the inner main.
Place place_of(Node& tealet) {
  TEALETPP_CHECK(!tealet.is_main());
  PythonDomain* const entered = domain_entered_from(tealet);
  if (entered != nullptr) return {&execution_of(entered->main()), nullptr};
  return outermost_place_of(tealet);
}

}  // namespace tealetpp
