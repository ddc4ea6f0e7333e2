#include "domain.hpp"

#include <cxxabi.h>

#include <cstring>
#include <new>

#include "thread.hpp"

namespace tealet::core {

namespace {

constexpr std::size_t unit = 16;

std::size_t units(std::size_t bytes) noexcept { return (bytes + unit - 1) / unit; }

}  // namespace

Domain::Domain(const Face& face, std::pmr::memory_resource* upstream, std::size_t limit) noexcept
    : memory_(upstream, limit), face_(face) {}

Domain::~Domain() {
  if (is_open()) close();
}

Errc Domain::open(std::size_t extra) noexcept {
  main_ = create(extra);
  if (main_ == nullptr) return Errc::memory;
  main_->far = unbounded;
  main_->status = Status::Running;
  current_ = main_;
  thread_ = current_thread();
  exceptions_ = abi::__cxa_get_globals();
  lowest_start_ = lowest_start_on_this_stack();
  join_enclosing();
  return Errc::ok;
}

void Domain::close() noexcept {
  // What is still there is not unwound. Main's own stack is gone, too, if this domain is stranded.
  for (Node* node = main_; node != nullptr; node = node->next_in_tree()) {
    if (node->home != nullptr && (stranded_ || node->home != main_)) node->owner = nullptr;
    node->home = nullptr;
  }
  while (main_->first_child != nullptr) {
    Node& node = *main_->first_child;
    node.leave_tree();
    free_node(node);
  }
  leave_enclosing();
  free_node(*main_);
  main_ = current_ = nullptr;
  memory_.trim();
}

Errc Domain::check(const Node& target) const noexcept {
  if (target.domain != this) return Errc::foreign;
  if (const Errc code = check(); code != Errc::ok) return code;
  return status(target) == Status::Defunct ? Errc::defunct : Errc::ok;
}

Errc Domain::check_room() const noexcept {
  return __builtin_frame_address(0) > lowest_start_ ? Errc::ok : Errc::no_room;
}

Node* Domain::create(std::size_t extra) noexcept {
  const std::size_t size = sizeof(Node) + unit * units(extra);
  void* block = memory_.take(size);
  if (block == nullptr) return nullptr;
  auto* node = ::new (block) Node;
  std::memset(node->extra(), 0, size - sizeof(Node));
  node->domain = this;
  node->extra_units = static_cast<std::uint16_t>(units(extra));
  if (current_ != nullptr) node->adopt_to(*current_);
  totals_.tealet_created();
  return node;
}

Node* Domain::duplicate(const Node& original) noexcept {
  Node* twin = create(unit * original.extra_units);
  if (twin == nullptr) return nullptr;
  twin->adopt_to(*original.parent);
  twin->stack = original.stack;
  twin->stack->share(totals_);
  twin->far = original.far;
  twin->caught_exceptions = original.caught_exceptions;
  twin->uncaught_exceptions = original.uncaught_exceptions;
  twin->status = original.status;
  return twin;
}

Node* Domain::newest_leaf() noexcept {
  Node* node = main_;
  while (node->first_child != nullptr) node = node->first_child;
  return node == main_ ? nullptr : node;
}

void Domain::set_owner(Node& node, Handle* owner) noexcept {
  const auto* at = reinterpret_cast<const char*>(owner);
  const auto* here = static_cast<const char*>(__builtin_frame_address(0));
  // The stack of a main tealet ends where the tealet begins that its domain was opened in.
  const char* far = current_->far;
  for (const Node* outer = outer_; far == unbounded && outer != nullptr;) {
    far = outer->far;
    outer = outer->domain->outer_;
  }
  node.owner = owner;
  node.home = at > here && at < far ? current_ : nullptr;
}

void Domain::disown(Node& node) noexcept {
  if (node.owner == nullptr) return;
  // While the tealet that it lies on is paused, what is seen at its address may be another's.
  char* at = reinterpret_cast<char*>(&node.owner->node);
  if (node.home != nullptr) {
    if (node.home->stack != nullptr) {
      at = node.home->stack->where(at);
    } else if (node.home->status == Status::Defunct) {
      at = nullptr;
    }
  }
  if (at != nullptr) *reinterpret_cast<Node**>(at) = nullptr;
  node.owner = nullptr;
}

// What lies on a stack that nothing returns to is not told of anything.
void Domain::forget_owners_on_stack_of(const Node& home) noexcept {
  for (Node* node = main_; node != nullptr; node = node->next_in_tree()) {
    if (node->home == &home) node->home = nullptr, node->owner = nullptr;
  }
}

void Domain::discard(Node& node) noexcept {
  if (node.status == Status::Suspended || node.status == Status::Defunct) {
    forget_owners_on_stack_of(node);
  }
  node.leave_tree();
  free_node(node);
}

void Domain::free_node(Node& node) noexcept {
  if (previous_ == &node) previous_ = nullptr;
  disown(node);
  strand_inner_domains(node);
  face_.release(node);
  if (node.stack != nullptr) {
    if (!node.stack->shared()) area_.remove(*node.stack);
    node.stack->release(memory_, totals_);
  }
  totals_.tealet_freed();
  memory_.give(&node, node.block_size());
}

Errc Domain::set_parent(Node& node, Node& parent) noexcept {
  if (parent.domain != this) return Errc::foreign;
  if (node.is_main() || parent.descends_from(node)) return Errc::invalid;
  node.adopt_to(parent);
  return Errc::ok;
}

Status Domain::status(const Node& node) const noexcept {
  return node.stack != nullptr && node.stack->lost() ? Status::Defunct : node.status;
}

std::size_t Domain::saved_bytes(const Node& node) const noexcept {
  return node.stack != nullptr ? node.stack->saved() : 0;
}

std::size_t Domain::extent(const Node& node) const noexcept {
  if (node.stack != nullptr) return node.stack->extent();
  if (&node != current_ || node.is_main()) return 0;
  return static_cast<std::size_t>(node.far - static_cast<char*>(__builtin_frame_address(0)));
}

}  // namespace tealet::core
