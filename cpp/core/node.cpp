#include "core/node.hpp"

#include "core/check.hpp"

namespace tealet::core {

void Node::detach() noexcept {
  if (parent == nullptr) return;
  parent->children.remove(*this);
  parent = nullptr;
}

void Node::reparent(Node& new_parent) noexcept {
  TEALETPP_CHECK(!is_main());
  TEALETPP_CHECK(&new_parent != this);
  detach();
  parent = &new_parent;
  new_parent.children.add_first(*this);
}

Node* Node::next_in_tree() noexcept {
  if (!children.is_empty()) return children.first();
  for (Node* node = this; node != nullptr; node = node->parent) {
    if (node->siblings.next != nullptr) return node->siblings.next;
  }
  return nullptr;
}

bool Node::descends_from(const Node& ancestor) const noexcept {
  const Node* node = this;
  while (node != nullptr && node != &ancestor) node = node->parent;
  return node != nullptr;
}

}  // namespace tealet::core
