// The switch from a tealet a to a tealet b, by five rules; docs/internals.md tells why.
//
//  1. Every partially saved stack that reaches nearer than b's far end grows up to it. a is saved
//     up to there, and stays partially saved if that is less than its whole extent. Then b's chunks
//     are copied back, and its stack is released.
//  2. A tealet that has not begun begins on top of the current stack: nothing is copied then.
//  3. A tealet that ends is not saved at all.
//  4. b's stack need not be saved first if b is its only owner; a shared one is completed before it
//     is overwritten.
//  5. A failed allocation leaves everything as it was and is reported; or, if the switch is forced,
//     a stack that could not be saved is lost and its tealets are defunct. Main's is never lost,
//     and a switch to main can always be forced.
#include <atomic>
#include <cstdlib>
#include <utility>

#include "domain.hpp"
#include "stack_memory.hpp"
#include "switch.h"

namespace tealet::core {

// The C++ runtime keeps the exceptions that are being handled or thrown once per thread, but a
// tealet may pause in the middle of a catch block or a destructor: they belong to the execution. So
// they are put away on its stack, and whenever the stack pointer moves there are none.
// The layout is the Itanium C++ ABI's, section 2.2.2 of its exception handling part.
struct ExceptionsInFlight {
  void* caught;
  unsigned int uncaught;

  bool any() const noexcept { return caught != nullptr || uncaught != 0; }
};

namespace {

// Lifts the limit of `memory` while it exists, if `lift` is true.
class WithoutLimit {
 public:
  WithoutLimit(CountingAllocator& memory, bool lift) noexcept : lifted_(lift ? &memory : nullptr) {
    if (__builtin_expect(lift, 0)) {
      limit_ = memory.limit();
      memory.set_limit(CountingAllocator::no_limit);
    }
  }
  ~WithoutLimit() {
    if (lifted_ != nullptr) lifted_->set_limit(limit_);
  }
  WithoutLimit(const WithoutLimit&) = delete;
  WithoutLimit& operator=(const WithoutLimit&) = delete;

 private:
  CountingAllocator* lifted_;
  std::size_t limit_ = 0;
};

}  // namespace

// These tail-call the switch core, leaving no frame on the saved stack; but for jump_keeping(),
// which puts away there what must outlive the switch.

inline void Domain::set_out(Node& target, Leaving leaving, bool force) noexcept {
  target_ = &target;
  how_ = {leaving, force, false, false};
}

// Whether something must wait on the stack that is left.
inline bool Domain::must_keep() const noexcept {
  return exceptions_->any() || nesting_.used_from_inside();
}

inline Arrival Domain::jump(Node& target, Leaving leaving, bool force) noexcept {
  set_out(target, leaving, force);
  Restore* const to_begin = face_.knows_running ? &on_begin : &on_begin_marked;
  Restore* const restore = target.far == nullptr ? to_begin : &on_restore;
  if (__builtin_expect(must_keep(), 0)) return jump_keeping(&on_save, restore);
  return tealetpp_switch(&on_save, restore, this);
}

// `target` has begun.
inline Arrival Domain::pause_for(Node& target, Transfer out, bool keep, Core* to_switch) noexcept {
  transfer_ = out;
  set_out(target, Leaving::pause, false);
  if (__builtin_expect(keep, 0)) {
    return jump_keeping(&on_plain_save, &on_plain_restore);
  }
  return to_switch(&on_plain_save, &on_plain_restore, this);
}

Arrival Domain::switch_to(Node& target, Transfer out, bool force) noexcept {
  if (__builtin_expect(target.far == nullptr, 0)) return begin(target, out, force);
  if (__builtin_expect(!force, 1)) return pause_for(target, out, must_keep(), &tealetpp_switch);
  transfer_ = out;
  return jump(target, Leaving::pause, true);
}

Arrival Domain::switch_plainly(Node& target, void* value) noexcept {
  return pause_for(target, {Signal::value, value}, exceptions_->any(), &tealetpp_switch_by_jump);
}

[[gnu::noinline]] Arrival Domain::jump_keeping(Save* to_save, Restore* to_restore) noexcept {
  const ExceptionsInFlight in_flight = std::exchange(*exceptions_, {});
  Node* inside = nullptr;
  if (nesting_.used_from_inside()) {
    nesting_.forget_use_from_inside();
    if (!current_->is_main() && running_tealet != current_) inside = running_tealet;
  }
  const Node* const paused = current_;
  const Arrival back = tealetpp_switch(to_save, to_restore, this);
  *exceptions_ = in_flight;
  // A fork or a duplicate returns here too, but has none of the domains that were opened in the
  // original. It may even have the original's address; then `hosts` tells them apart.
  if (inside != nullptr && current_ == paused && current_->hosts) running_tealet = inside;
  return back;
}

[[gnu::noinline]] Arrival Domain::begin(Node& fresh, Transfer out, bool force) noexcept {
  if (const Errc code = check_room(); code != Errc::ok) return not_switched(code);
  transfer_ = out;
  return jump(fresh, Leaving::pause, force);
}

Errc Domain::start(Node& fresh, Transfer out, char* far) noexcept {
  fresh_far_ = far;
  const Errc code = code_of(begin(fresh, out, false));
  if (code != Errc::ok) fresh_far_ = nullptr;
  return code;
}

Errc Domain::capture(Node& fresh, char* far) noexcept {
  fresh.status = Status::Stub;  // run_here() reads it
  Node* const previous = previous_;
  Errc code = start(fresh, {}, far);
  previous_ = previous;  // it is not the stub that switched to the running tealet
  if (code == Errc::ok && transfer_.signal == Signal::error) code = Errc::memory;
  if (code != Errc::ok) fresh.status = Status::New;
  return code;
}

Errc Domain::create_stub(std::size_t extra, Node*& stub) noexcept {
  if (const Errc code = check_room(); code != Errc::ok) return code;
  stub = create(extra);
  if (stub == nullptr) return Errc::memory;
  const Errc code = capture(*stub);
  if (code == Errc::ok) return code;
  discard(*stub);
  memory_.totals.creation_undone();
  return code;
}

bool Domain::make_room_to_exit(const Node& target) noexcept {
  char* const up_to = target.far != nullptr ? target.far : current_->far;
  return area_.make_room(memory_, up_to, target.stack, StackArea::OnFailure::undo);
}

Errc Domain::exit_to(Node& target, Transfer out, bool keep, bool force) noexcept {
  transfer_ = out;
  return code_of(jump(target, keep ? Leaving::exit : Leaving::end, force));
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
  const Errc code = code_of(jump(node, Leaving::pause, false));
  if (code != Errc::ok) {
    adopt(node, *old_parent);
    if (branch != nullptr) adopt(*branch, node);
  }
  return code;
}

// The running tealet is not running any more; what of it was saved is in `saved`.
inline void Domain::leave(Stack* saved) noexcept {
  Node& from = *current_;
  if (__builtin_expect(how_.leaving != Leaving::pause, 0)) {
    leave_otherwise(saved);
    return;
  }
  from.stack = saved;
  from.status = saved != nullptr ? Status::Suspended : Status::Defunct;
}

// Main needs no saving when its target lies nearer, the usual case.
inline Stack* Domain::save_running(char* near, std::size_t size) noexcept {
  const Node& from = *current_;
  if (size == 0 && from.is_main()) {
    main_in_place_.begin(near, from.far);
    return &main_in_place_;
  }
  return Stack::save(memory_, near, from.far, size);
}

inline bool Domain::save(char* near) noexcept {
  Node& from = *current_;
  Node& to = *target_;
  const bool fresh = to.far == nullptr;
  // What is closed gives memory back in the end: the limit must not stand in its way.
  const WithoutLimit limit_lifted(memory_, transfer_.signal == Signal::unwind);
  // Everything nearer than this will be overwritten. Rule 2: a fresh tealet begins on top, so that
  // is nothing; after a tealet that ends, it begins where that one did.
  char* up_to = to.far;
  char* fresh_entry = nullptr;
  if (__builtin_expect(fresh, 0)) {
    up_to = fresh_entry = how_.leaving == Leaving::end ? from.far : near;
    if (fresh_far_ > up_to) up_to = fresh_far_;
  }

  Stack* saved = nullptr;
  if (how_.leaving < Leaving::end) {  // rule 3
    char* end = up_to < from.far ? up_to : from.far;
    saved = save_running(near, end > near ? static_cast<std::size_t>(end - near) : 0);
    if (saved == nullptr && (!how_.force || from.is_main())) return false;
  }
  if (!area_.make_room(memory_, up_to, to.stack,
                       how_.force ? StackArea::OnFailure::lose : StackArea::OnFailure::undo)) {
    if (saved != nullptr) saved->release(memory_);
    return false;
  }

  if (to.stack != nullptr) area_.remove(*to.stack);
  if (saved != nullptr) area_.add(*saved);
  leave(saved);
  // NOLINTNEXTLINE(*.CallAndMessage): what has begun and does not run has a stack.
  entry_ = fresh ? fresh_entry : to.stack->near();
#if TEALETPP_ASAN
  if (near < deepest_near_) deepest_near_ = near;
#endif
  if (__builtin_expect(fresh, 0)) {
    fresh_far_ = nullptr;
    to.far = up_to;
    if (up_to > highest_far_) highest_far_ = up_to;
  }
  return true;
}

[[gnu::noinline]] void* Domain::on_save(void* domain, void* near) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (self.save(static_cast<char*>(near))) return self.entry_;
  self.how_.failed = true;
  return near;
}

// The same if the running tealet pauses for one that has begun, no other stack is in the way, and a
// kept block fits: most switches. Until that is known nothing is changed; on_save() does the rest.
void* Domain::on_plain_save(void* domain, void* near) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  Node& from = *self.current_;
  const Node& to = *self.target_;
  auto* const low = static_cast<char*>(near);
  char* const end = to.far < from.far ? to.far : from.far;
  if (self.area_.has_to_make_room(to.far, to.stack)) return on_save(domain, near);
  if (end > low) {
    const auto size = static_cast<std::size_t>(end - low);
    void* const block = self.memory_.take_kept(Stack::block_size(size));
    if (block == nullptr) return on_save(domain, near);
    Stack* const saved = Stack::prepare(block, self.memory_, low, from.far, size);
    char* const entry = self.pause_plainly(*saved);
    saved->fill();
    return entry;
  }
  if (!from.is_main()) return on_save(domain, near);
  self.main_in_place_.begin(low, from.far);
  return self.pause_plainly(self.main_in_place_);
}

// The running tealet waits in `saved`. Returns where the target goes on.
[[gnu::always_inline]] inline char* Domain::pause_plainly(Stack& saved) noexcept {
  Stack& resumed = *target_->stack;
  area_.remove(resumed);
  area_.add(saved);
  current_->stack = &saved;
  current_->status = Status::Suspended;
#if TEALETPP_ASAN
  if (saved.near() < deepest_near_) deepest_near_ = saved.near();
#endif
  return resumed.near();
}

void Domain::leave_otherwise(Stack* saved) noexcept {
  Node& from = *current_;
  switch (how_.leaving) {
    case Leaving::pause:
      return;
    case Leaving::capture:
      from.stack = saved;
      from.status = Status::Stub;
      return;
    case Leaving::end:
      ended_ = &from;
      return;
    case Leaving::exit:
      from.status = Status::Exited;
      nesting_.strand(from);
      return;
    case Leaving::unmake:
      from.status = Status::New;
      from.far = nullptr;
      return;
  }
}

// The target's stack is in place again, and the target runs.
[[gnu::always_inline, gnu::no_sanitize_address]] inline void Domain::restore_target() noexcept {
  Node& to = *target_;
#if TEALETPP_ASAN
  forget_poison(deepest_near_, to.is_main() ? highest_far_ : to.far);
#endif
  Stack* const stack = to.stack;
  to.stack = nullptr;
  to.status = Status::Running;
  stack->restore(memory_);
  enter();
}

// The running tealet is another one.
inline void Domain::enter() noexcept {
  previous_ = current_;
  current_ = target_;
  nesting_.entered(*current_);
}

// The tealet that the jump has ended, if it has.
inline void Domain::free_ended() noexcept {
  if (__builtin_expect(ended_ == nullptr, 1)) return;
  discard(*ended_);
  ended_ = nullptr;
}

[[gnu::no_sanitize_address]] Arrival Domain::on_restore(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (__builtin_expect(self.how_.failed, 0)) return self.not_switched(Errc::memory);
  self.restore_target();
  self.free_ended();
  return self.arrival();
}

// The same after a tealet that has paused.
[[gnu::no_sanitize_address]] Arrival Domain::on_plain_restore(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (__builtin_expect(self.how_.failed, 0)) return self.not_switched(Errc::memory);
  self.restore_target();
  return self.arrival();
}

inline Arrival Domain::arrival() noexcept {
  if (__builtin_expect(transfer_.signal != Signal::value, 0)) {
    return {static_cast<long>(transfer_.signal), this};
  }
  return {0, transfer_.value};
}

// What follows is the outermost frame of every tealet. With that of Face::run it is on every saved
// stack.

[[gnu::always_inline]] inline void Domain::run_here() noexcept {
  if (current_->status == Status::Stub) wait_as_stub();
  // From here on it may be any of the stub's duplicates that runs.
  current_->status = Status::Running;
  end(face_.run(*current_, transfer_));
}

[[gnu::no_sanitize_address]] Arrival Domain::on_begin(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (__builtin_expect(self.how_.failed, 0)) return self.not_switched(Errc::memory);
#if TEALETPP_ASAN
  forget_poison(self.deepest_near_, self.target_->far);
#endif
  self.enter();
  self.free_ended();
  self.run_here();
}

namespace {

// How far from its far end a tealet has its mark: a variable of the function below, which is always
// as far from where that begins.
std::atomic<std::ptrdiff_t> mark_to_far{0};

}  // namespace

// The same where the face does not know which tealet runs: it leaves a mark at the far end, unless
// that is farther than where the tealet begins.
[[gnu::no_sanitize_address]] Arrival Domain::on_begin_marked(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (__builtin_expect(self.how_.failed, 0)) return self.not_switched(Errc::memory);
#if TEALETPP_ASAN
  forget_poison(self.deepest_near_, self.target_->far);
#endif
  self.enter();
  self.free_ended();
  void* volatile mark = domain;
  mark_to_far.store(self.entry_ - reinterpret_cast<char*>(const_cast<void**>(&mark)),
                    std::memory_order_relaxed);
  self.current_->marked = self.current_->far == self.entry_;
  self.run_here();
}

[[gnu::noinline, gnu::no_sanitize_address]] bool Domain::may_be_on_stack(
    const Node& tealet) noexcept {
  if (static_cast<char*>(__builtin_frame_address(0)) >= tealet.far) return false;
  if (!tealet.marked) return true;
  const char* const mark = tealet.far - mark_to_far.load(std::memory_order_relaxed);
  return *reinterpret_cast<void* const volatile*>(mark) == tealet.domain;
}

void Domain::wait_as_stub() noexcept {
  transfer_ = {};
  if (code_of(jump(*previous_, Leaving::capture, false)) == Errc::ok) return;
  // There is no memory for it. To go back without being saved takes none.
  transfer_.signal = Signal::error;
  jump(*previous_, Leaving::unmake, false);
  std::abort();
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

Errc Domain::fork(Node& copy, bool leave) noexcept {
  target_ = &copy;
  how_ = {Leaving::pause, false, leave, false};
  transfer_ = {};
  return code_of(jump_keeping(&on_fork, &on_forked));
}

// Two tealets have the same bytes from here to the same far end. One of them goes on with what is
// in place; the other one's are saved, all of them.
void* Domain::on_fork(void* domain, void* near) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  Node& original = *self.current_;
  Node& copy = *self.target_;
  auto* const low = static_cast<char*>(near);
  Stack* saved =
      Stack::save(self.memory_, low, original.far, static_cast<std::size_t>(original.far - low));
  if (saved == nullptr) {
    self.how_.failed = true;
    return near;
  }
  copy.far = original.far;
  copy.marked = original.marked;
  if (copy.far > self.highest_far_) self.highest_far_ = copy.far;
  Node& paused = self.how_.fork_leaves ? original : copy;
  paused.stack = saved;
  paused.status = Status::Suspended;
  if (self.how_.fork_leaves) {
    copy.status = Status::Running;
    self.previous_ = &original;
    self.current_ = &copy;
    self.nesting_.entered(copy);
  }
  return near;
}

Arrival Domain::on_forked(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  return self.how_.failed ? self.not_switched(Errc::memory) : self.arrival();
}

}  // namespace tealet::core
