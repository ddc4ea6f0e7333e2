// What the engine keeps for one tealet.
#pragma once

#include <tealet/cxx/status.hpp>

#include <cstddef>
#include <cstdint>

#include "core/stack.hpp"

namespace tealet::core {

class Domain;

// The tealets of a domain form a tree below the main tealet: every tealet's end is delivered to its
// parent. A tealet that ends hands its children on to its own parent, so a parent always exists.
struct Node {
  // What extra_units counts: steps of so many bytes, by which the allocator keeps blocks.
  static constexpr std::size_t extra_unit = 8;

  Domain* domain = nullptr;
  Stack* stack = nullptr;   // while paused
  char* far = nullptr;      // where it began; nullptr until then, `unbounded` for a main tealet
                            // without a far end of its own
  void* binding = nullptr;  // for the use of a face, which sets its meaning

  Node* parent = nullptr;
  Node* first_child = nullptr;
  Node* next_sibling = nullptr;
  Node* previous_sibling = nullptr;

  // For the use of a face, like `api_flags`. In the C++ face: the Tealet and TealetRef objects that
  // refer to it; and how often the Tealet that owns it has become another one, or none.
  std::uint32_t references = 0;
  std::uint32_t owner_changes = 0;

  std::uint32_t extra_units = 0;  // behind the node, for the use of a face
  Status status = Status::New;
  bool main = false;
  std::uint8_t api_flags = 0;
  bool hosts : 1;   // a domain was opened in this tealet
  bool marked : 1;  // Domain::on_begin_marked() has left its mark at the far end

  Node() noexcept : hosts(false), marked(false) {}

  void* extra() noexcept { return this + 1; }
  std::size_t extra_size() const noexcept { return extra_unit * extra_units; }
  std::size_t block_size() const noexcept { return sizeof(Node) + extra_size(); }

  bool is_main() const noexcept { return main; }

  // Makes this the first child of `new_parent`, taking it from its parent if it has one.
  void reparent(Node& new_parent) noexcept;
  // Takes it, with its children, from its parent.
  void detach() noexcept;
  // The node after this one in a walk over the whole tree from its root; nullptr at the end.
  Node* next_in_tree() noexcept;
  // Whether `ancestor` is this node or one of its ancestors.
  bool descends_from(const Node& ancestor) const noexcept;
};

// What fits behind a node.
inline constexpr std::size_t largest_node_extra = Node::extra_unit * UINT32_MAX;

static_assert(sizeof(Node) % alignof(std::max_align_t) == 0, "extra() is aligned for any type");

}  // namespace tealet::core
