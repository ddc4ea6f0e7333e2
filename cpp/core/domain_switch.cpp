// The switch from a tealet a to a tealet b, by five rules; docs/internals.md tells why.
//
//  1. Every partially saved stack that reaches nearer than b's far end grows up to it. a is saved
//  up
//     to there, and stays partially saved if that is less than its whole extent. Then b's chunks
//     are copied back, and its stack is released.
//  2. A tealet that has not begun begins on top of the current stack: nothing is copied then.
//  3. A tealet that ends is not saved at all.
//  4. b's stack need not be saved first if b is its only owner; a shared one is completed before it
//     is overwritten.
//  5. A failed allocation leaves everything as it was and is reported; or, if the switch is forced,
//     a stack that could not be saved is lost and its tealets are defunct. Main's is never lost,
//     and a switch to main can always be forced.
#include <cstdlib>
#include <limits>

#include "domain.hpp"
#include "stack_memory.hpp"
#include "switch.h"

namespace tealet::core {

namespace {

// The C++ runtime keeps the exceptions that are being handled or thrown once per thread, but a
// tealet may pause in the middle of a catch block or a destructor: they belong to the execution.
// The layout is the Itanium C++ ABI's, section 2.2.2 of its exception handling part.
struct ExceptionsInFlight {
  void* caught;
  unsigned int uncaught;
};

// Lifts the limit of `memory` while it exists, if `lift` is true.
class WithoutLimit {
 public:
  WithoutLimit(CountingAllocator& memory, bool lift) noexcept
      : memory_(memory), limit_(memory.limit()) {
    if (lift) memory_.set_limit(CountingAllocator::no_limit);
  }
  ~WithoutLimit() { memory_.set_limit(limit_); }
  WithoutLimit(const WithoutLimit&) = delete;
  WithoutLimit& operator=(const WithoutLimit&) = delete;

 private:
  CountingAllocator& memory_;
  std::size_t limit_;
};

}  // namespace

Errc Domain::switch_to(Node& target, Transfer out, bool force) noexcept {
  if (target.far == nullptr) {
    if (const Errc code = check_room(); code != Errc::ok) return code;
  }
  transfer_ = out;
  return jump(target, Leaving::pause, force);
}

Errc Domain::capture(std::size_t extra, Node*& stub) noexcept {
  if (const Errc code = check_room(); code != Errc::ok) return code;
  stub = create(extra);
  if (stub == nullptr) return Errc::memory;
  stub->status = Status::Stub;  // begin() reads it
  transfer_ = {};
  Node* const previous = previous_;
  const Errc code = jump(*stub, Leaving::pause, false);
  if (code != Errc::ok) discard(*stub);
  previous_ = previous;  // it is not the stub that switched to the running tealet
  if (code == Errc::ok && transfer_.signal == Signal::value) return Errc::ok;
  memory_.totals.creation_undone();
  return Errc::memory;
}

Errc Domain::unwind(Node& node) noexcept {
  // The running tealet becomes the parent. Should it descend from `node`, then the branch that
  // leads to it moves to the parent that `node` has now, as it would when `node` ends.
  Node* const old_parent = node.parent;
  Node* branch = current_;
  while (branch != nullptr && branch->parent != &node) branch = branch->parent;
  if (branch != nullptr) adopt(*branch, *old_parent);
  adopt(node, *current_);  // NOLINT(*.NonNullParamChecker): there is always one that runs

  transfer_ = {Signal::unwind, nullptr};
  const Errc code = jump(node, Leaving::pause, false);
  if (code != Errc::ok) {
    adopt(node, *old_parent);
    if (branch != nullptr) adopt(*branch, node);
  }
  return code;
}

Errc Domain::jump(Node& target, Leaving leaving, bool force) noexcept {
  target_ = &target;
  leaving_ = leaving;
  force_ = force;
  return static_cast<Errc>(tealetpp_switch(&Domain::on_save, &Domain::on_restore, this));
}

void* Domain::on_save(void* domain, void* near) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  self.failed_ = !self.save(static_cast<char*>(near));
  return self.failed_ ? near : self.entry_;
}

bool Domain::save(char* near) noexcept {
  Node& from = *current_;
  Node& to = *target_;
  const bool fresh = to.far == nullptr;
  // What is closed gives memory back in the end: the limit must not stand in its way.
  const WithoutLimit limit_lifted(memory_, transfer_.signal == Signal::unwind);
  // Everything nearer than this will be overwritten. Rule 2: a fresh tealet begins on top, so that
  // is nothing; after a tealet that ends, it begins where that one did.
  char* up_to = to.far;
  if (fresh) up_to = leaving_ == Leaving::end ? from.far : near;

  Stack* saved = nullptr;
  if (leaving_ != Leaving::end) {  // rule 3
    char* end = up_to < from.far ? up_to : from.far;
    saved =
        Stack::save(memory_, near, from.far, end > near ? static_cast<std::size_t>(end - near) : 0);
    if (saved == nullptr && (!force_ || from.is_main())) return false;
  }
  if (!area_.make_room(memory_, up_to, to.stack,
                       force_ ? StackArea::OnFailure::lose : StackArea::OnFailure::undo)) {
    if (saved != nullptr) saved->release(memory_);
    return false;
  }

  if (to.stack != nullptr) area_.remove(*to.stack);
  if (saved != nullptr) area_.add(*saved);
  if (leaving_ == Leaving::end) {
    ended_ = &from;
  } else {
    from.stack = saved;
    from.status = leaving_ == Leaving::capture ? Status::Stub : Status::Suspended;
    if (saved == nullptr) from.status = Status::Defunct;
    const auto* exceptions = static_cast<ExceptionsInFlight*>(exceptions_);
    from.caught_exceptions = exceptions->caught;
    from.uncaught_exceptions = exceptions->uncaught;
  }
  // NOLINTNEXTLINE(*.CallAndMessage): what has begun and does not run has a stack.
  entry_ = fresh ? up_to : to.stack->near();
#if TEALETPP_ASAN
  if (near < deepest_near_) deepest_near_ = near;
#endif
  if (fresh) {
    to.far = up_to;
    if (up_to > highest_far_) highest_far_ = up_to;
  }
  return true;
}

#if TEALETPP_ASAN
__attribute__((no_sanitize("address")))
#endif
long Domain::on_restore(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (self.failed_) return static_cast<long>(Errc::memory);
#if TEALETPP_ASAN
  const Node& to = *self.target_;
  forget_poison(self.deepest_near_, to.is_main() ? self.highest_far_ : to.far);
#endif
  self.enter();
  return static_cast<long>(Errc::ok);
}

void Domain::enter() noexcept {
  Node& to = *target_;
  auto* exceptions = static_cast<ExceptionsInFlight*>(exceptions_);
  exceptions->caught = to.caught_exceptions;
  exceptions->uncaught = to.uncaught_exceptions;
  previous_ = current_;
  current_ = &to;
  Stack* stack = to.stack;
  if (stack != nullptr) {
    stack->restore();
    to.stack = nullptr;
    stack->release(memory_);
  }
  if (ended_ != nullptr) {
    free_node(*ended_);
    ended_ = nullptr;
  }
  if (stack == nullptr) begin();
  to.status = Status::Running;
}

void Domain::begin() noexcept {
  if (current_->status == Status::Stub) {
    transfer_ = {};
    if (jump(*previous_, Leaving::capture, false) != Errc::ok) end({Signal::error, nullptr});
    // From here on it may be any of the stub's duplicates that runs.
  }
  current_->status = Status::Running;
  end(face_.run(*current_, transfer_));
}

void Domain::end(Transfer out) noexcept {
  close_inner_domains(*current_);
  Node& target = receiver();
  leave_tree(*current_);
  transfer_ = out;
  jump(target, Leaving::end, false);
  // Still here, so there is no memory for what stands in the way of the parent; the tealet that
  // ends cannot go back. Rule 5: give up what cannot be saved, and at worst go to main.
  jump(target, Leaving::end, true);
  jump(*main_, Leaving::end, true);
  std::abort();
}

Node& Domain::receiver() noexcept {
  Node* parent = current_->parent;
  while (status(*parent) == Status::Defunct || parent->status == Status::Stub) {
    parent = parent->parent;
  }
  return *parent;
}

}  // namespace tealet::core
