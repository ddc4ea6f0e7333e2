// The engine without an API that restricts it.
#pragma once

#include <functional>

#include "helpers.hpp"

namespace tealet_tests {

// There are no objects on its tealets' stacks, so any paused tealet may be duplicated or discarded.
struct BareDomain : tealet::core::Domain {
  using Script = std::function<void()>;
  using Node = tealet::core::Node;

  explicit BareDomain(std::pmr::memory_resource* upstream = tealet::malloc_resource())
      : Domain({run, [](Node&) { return true; }, [](Domain& domain) { domain.close(); }, nullptr},
               upstream, SIZE_MAX) {
    REQUIRE(open(0) == tealet::Errc::ok);
  }
  Node& tealet(const Script& script) {
    Node* node = create(sizeof(const Script*));
    REQUIRE(node != nullptr);
    *static_cast<const Script**>(node->extra()) = &script;
    return *node;
  }
  void go(Node& to) { CHECK(code_of(switch_to(to, {})) == tealet::Errc::ok); }

  static tealet::core::Message run(Node& node, tealet::core::Message) {
    (**static_cast<const Script**>(node.extra()))();
    return {};
  }
};

}  // namespace tealet_tests
