// What the engine keeps for one tealet.
#pragma once

#include <tealet/cxx/status.hpp>

#include <cstddef>
#include <cstdint>

#include "core/history.hpp"
#include "core/linked_list.hpp"
#include "core/stack_area.hpp"

namespace tealet::core {

class Domain;

// The tealets of a domain form a tree below the main tealet: each one's result is delivered to its
// parent. A tealet that ends hands its children on to its own parent, so every tealet but main
// always has one.
struct Node {
  // In bytes. The allocator caches blocks whose size is a multiple of this.
  static constexpr std::size_t extra_unit = 8;

  StackArea* area = &StackArea::none;  // never null
  Stack* stack = nullptr;              // while paused. Invariant: null while it runs
  char* far = nullptr;      // null until it begins; `unbounded` for a main tealet without a far end
  void* binding = nullptr;  // owned by an API, which sets its meaning

  Node* parent = nullptr;
  Links<Node> siblings;
  LinkedList<Node, &Node::siblings> children;  // the newest first

  // For the C++ API: how many Tealet and TealetRef objects refer to it, and how often it has
  // changed its owner.
  std::uint32_t references = 0;
  std::uint32_t owner_changes = 0;

  std::uint32_t extra_units = 0;  // size of the memory behind the node
  Status status = Status::New;
  bool main = false;
  std::uint8_t origin = 0;  // for the C API: TEALET_ORIGIN_*
  bool hosts : 1;           // a domain was opened in this tealet
  bool marked : 1;          // Domain::on_begin_marked() has left its mark at the far end
  bool tracked : 1;         // its history is recorded, that of main in the domain

  Node() noexcept : hosts(false), marked(false), tracked(false) {}

  // The memory for the API, right behind the node. The history comes last.
  void* extra() noexcept { return this + 1; }
  std::size_t extra_size() const noexcept {
    return extra_unit * extra_units - (has_history() ? sizeof(History) : 0);
  }
  bool has_history() const noexcept { return tracked && !main; }
  // Precondition: has_history().
  History& history() noexcept {
    return *reinterpret_cast<History*>(static_cast<char*>(extra()) + extra_size());
  }
  std::size_t block_size() const noexcept { return sizeof(Node) + extra_unit * extra_units; }

  // nullptr for ThreadContext::ambient, which is no tealet.
  Domain* domain() const noexcept { return area->domain(); }
  bool is_main() const noexcept { return main; }

  // Makes this node the newest child of `new_parent`, after detach().
  void reparent(Node& new_parent) noexcept;
  // Removes this node, with its children, from its parent, if it has one.
  void detach() noexcept;
  // The next node in a walk over the tree from its root, parents first; nullptr at the end.
  Node* next_in_tree() noexcept;
  // Whether `ancestor` is this node or one of its ancestors.
  bool descends_from(const Node& ancestor) const noexcept;
};

// The most bytes that fit behind a node.
inline constexpr std::size_t largest_node_extra = Node::extra_unit * UINT32_MAX - sizeof(History);

static_assert(sizeof(Node) % alignof(std::max_align_t) == 0, "extra() is aligned for any type");
static_assert(sizeof(History) % Node::extra_unit == 0 && alignof(History) <= Node::extra_unit);
static_assert(sizeof(Node) == 80, "there may be ten million of them");

}  // namespace tealet::core
