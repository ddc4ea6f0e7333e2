// The lifetime of a domain and of its nodes, and the tree of tealets. The switch, the statistics
// and verify() have files of their own.
#include "core/domain.hpp"

#include <cstring>
#include <new>
#include <utility>

#include "core/check.hpp"
#include "core/thread_context.hpp"
#include "port/compiler.hpp"

namespace tealet::core {

Domain::Domain(const Hooks& hooks, std::pmr::memory_resource* upstream, std::size_t limit) noexcept
    : memory_(upstream, limit), hooks_(hooks), area_(this) {}

Domain::~Domain() {
  if (is_open()) close();
}

Errc Domain::open(std::size_t extra) noexcept {
  TEALETPP_CHECK(!is_open());
  ThreadContext* const thread = current_thread();
  main_ = thread != nullptr ? make_node(extra) : nullptr;
  if (main_ == nullptr) return Errc::memory;
  main_->main = true;
  main_->far = unbounded;
  main_->status = Status::Running;
  current_ = main_;
  area_.set_bounds(port::usable_stack_of_this_thread());
  area_.never_defunct(main_->stack);
  exceptions_ = port::exceptions_in_flight();
  nesting_.join(*thread);
  return Errc::ok;
}

void Domain::close() noexcept {
  TEALETPP_CHECK(is_open());
  while (!main_->children.is_empty()) discard(*main_->children.first());
  nesting_.leave();
  free_node(*main_);
  if (std::exchange(current_is_discarded_, false)) free_block(*current_);
  main_ = current_ = nullptr;
  memory_.set_cache_bytes(0);  // so nodes that an API frees later are not cached
}

// This and extent() read their frame address. Inlined, that would be the address of the frame
// around them, which begins farther away.
TEALETPP_NOINLINE Errc Domain::check_stack_space() const noexcept {
  return area_.has_space_at(TEALETPP_FRAME_ADDRESS()) ? Errc::ok : Errc::stack_exhausted;
}

Node* Domain::make_node(std::size_t extra) noexcept {
  if (TEALET_UNLIKELY(tracks_)) extra += sizeof(History);
  const std::size_t units = (extra + Node::extra_unit - 1) / Node::extra_unit;
  void* block = memory_.try_allocate(sizeof(Node) + Node::extra_unit * units);
  if (block == nullptr) return nullptr;
  auto* node = ::new (block) Node;
  node->area = &area_;
  node->extra_units = static_cast<std::uint32_t>(units);
  std::memset(node->extra(), 0, Node::extra_unit * units);
  memory_.totals.tealet_created();
  memory_.totals.node_made(node->block_size());
  if (TEALET_UNLIKELY(tracks_)) record_creation(*node);
  return node;
}

Node* Domain::create(std::size_t extra, Node& parent) noexcept {
  TEALETPP_CHECK(parent.domain() == this && parent.status != Status::Exited);
  Node* node = make_node(extra);
  if (node != nullptr) reparent(*node, parent);
  return node;
}

Node* Domain::duplicate(const Node& original) noexcept {
  TEALETPP_CHECK(original.domain() == this && !original.is_main() && &original != current_);
  if (original.stack != nullptr && !original.stack->can_be_shared()) return nullptr;
  Node* duplicate = create(original.extra_size(), *original.parent);
  if (duplicate == nullptr) return nullptr;
  if (original.stack != nullptr) {
    duplicate->stack = original.stack;
    duplicate->stack->share(memory_);
  }
  duplicate->area = original.area;
  duplicate->binding = original.binding;
  duplicate->origin = original.origin;
  duplicate->far = original.far;
  duplicate->marked = original.marked;
  duplicate->status = original.status;
  return duplicate;
}

Node& Domain::newest_leaf(Node& top) noexcept {
  Node* node = &top;
  while (!node->children.is_empty()) node = node->children.first();
  return *node;
}

void Domain::discard(Node& node) noexcept {
  TEALETPP_CHECK(node.domain() == this && !node.is_main());
  leave_tree(node);
  free_node(node);
}

void Domain::reparent(Node& child, Node& parent) noexcept {
  child.reparent(parent);
  if (hooks_.reparented != nullptr) hooks_.reparented(child);
}

// The children of `node` move to its parent.
void Domain::leave_tree(Node& node) noexcept {
  while (!node.children.is_empty()) reparent(*node.children.first(), *node.parent);
  node.detach();
}

void Domain::free_node(Node& node) noexcept {
  if (previous_ == &node) previous_ = nullptr;
  nesting_.forget(node);
  nesting_.orphan(node);
  if (node.stack != nullptr) {
    node.area->release(memory_, *node.stack);
    node.stack = nullptr;
  }
  node.status = Status::Exited;
  memory_.totals.tealet_freed();
  if (!hooks_.release(node)) return;
  const bool is_running = &node == current_ && !node.is_main();
  if (TEALET_LIKELY(!is_running)) {
    free_block(node);
  } else {
    // Another library has moved the C stack away, or the thread is ending. The domain still refers
    // to the node: its status tells check() that the domain cannot be used any more.
    current_is_discarded_ = true;
  }
}

void Domain::close_inner_domains(const Node& outer) noexcept {
  while (Domain* inner = nesting_.to_close_in(outer)) {
    // Its tealets now run inside `outer`. check() records that: the tealet from which the domain
    // was last used may have been freed.
    static_cast<void>(inner->check());
    inner->hooks_.close(*inner);
    if (nesting_.to_close_in(outer) == inner) nesting_.orphan(outer);  // close() refused
  }
}

Errc Domain::set_parent(Node& node, Node& parent) noexcept {
  TEALETPP_CHECK(node.domain() == this);
  if (parent.domain() != this) return Errc::foreign;
  if (node.is_main() || &node == &parent) return Errc::invalid;
  // Without children nothing descends from `node`, and the walk up may be long.
  if (!node.children.is_empty() && parent.descends_from(node)) return Errc::invalid;
  reparent(node, parent);
  return Errc::ok;
}

std::size_t Domain::saved_bytes(const Node& node) const noexcept {
  return node.stack != nullptr ? node.stack->saved() : 0;
}

TEALETPP_NOINLINE std::size_t Domain::extent(const Node& node) const noexcept {
  if (node.stack != nullptr) return node.stack->extent();
  // Only the running tealet can measure itself: the stack pointer is its own.
  if (&node != current_ || node.is_main() || check() != Errc::ok) return 0;
  return static_cast<std::size_t>(node.far - TEALETPP_FRAME_ADDRESS());
}

}  // namespace tealet::core
