#include "core/node.hpp"

#include "core/check.hpp"

namespace tealet::core {

void Node::detach() noexcept {
  TEALETPP_CHECK(next_sibling == nullptr || next_sibling->previous_sibling == this);
  TEALETPP_CHECK(previous_sibling == nullptr || previous_sibling->next_sibling == this);
  TEALETPP_CHECK(parent == nullptr || previous_sibling != nullptr || parent->first_child == this);
  if (next_sibling != nullptr) next_sibling->previous_sibling = previous_sibling;
  if (previous_sibling != nullptr) {
    previous_sibling->next_sibling = next_sibling;
  } else if (parent != nullptr) {
    parent->first_child = next_sibling;
  }
  parent = next_sibling = previous_sibling = nullptr;
}

void Node::reparent(Node& new_parent) noexcept {
  TEALETPP_CHECK(!is_main());
  TEALETPP_CHECK(&new_parent != this);
  detach();
  parent = &new_parent;
  next_sibling = new_parent.first_child;
  if (next_sibling != nullptr) next_sibling->previous_sibling = this;
  new_parent.first_child = this;
}

Node* Node::next_in_tree() noexcept {
  if (first_child != nullptr) return first_child;
  for (Node* node = this; node != nullptr; node = node->parent) {
    if (node->next_sibling != nullptr) return node->next_sibling;
  }
  return nullptr;
}

bool Node::descends_from(const Node& ancestor) const noexcept {
  const Node* node = this;
  while (node != nullptr && node != &ancestor) node = node->parent;
  return node != nullptr;
}

}  // namespace tealet::core
