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

#include "core/domain.hpp"
#include "port/compiler.hpp"
#include "port/stack_memory.hpp"
#include "switch/switch.h"

namespace tealet::core {

namespace {

// Lifts the limit of `memory` while it exists, if `lift` is true.
class WithoutLimit {
 public:
  WithoutLimit(CountingAllocator& memory, bool lift) noexcept : lifted_(lift ? &memory : nullptr) {
    if (TEALET_UNLIKELY(lift)) {
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

// These tail-call the switch core, leaving no frame on the saved stack; but for
// jump_saving_thread_state(), which puts away there what must outlive the switch.

inline void Domain::set_out(Node& target, Leaving leaving, bool force) noexcept {
  target_ = &target;
  how_ = {leaving, force, false, false};
}

// Whether something must wait on the stack that is left.
inline bool Domain::has_thread_state() const noexcept {
  return exceptions_->any() || nesting_.used_from_inside();
}

inline SwitchResult Domain::jump(Node& target, Leaving leaving, bool force) noexcept {
  set_out(target, leaving, force);
  Restore* const to_begin = hooks_.knows_running ? &on_begin : &on_begin_marked;
  Restore* const restore = target.far == nullptr ? to_begin : &on_restore;
  if (TEALET_UNLIKELY(has_thread_state())) return jump_saving_thread_state(&on_save, restore);
  return tealetpp_switch(&on_save, restore, this);
}

// `target` has begun.
inline SwitchResult Domain::pause_for(Node& target, Message out, bool saves_thread_state,
                                      Core* to_switch) noexcept {
  message_ = out;
  set_out(target, Leaving::pause, false);
  if (TEALET_UNLIKELY(saves_thread_state)) {
    return jump_saving_thread_state(&on_save_fast, &on_restore_fast);
  }
  return to_switch(&on_save_fast, &on_restore_fast, this);
}

SwitchResult Domain::switch_to(Node& target, Message out, bool force) noexcept {
  if (TEALET_UNLIKELY(target.far == nullptr)) return begin(target, out, force);
  if (TEALET_LIKELY(!force)) return pause_for(target, out, has_thread_state(), &tealetpp_switch);
  message_ = out;
  return jump(target, Leaving::pause, true);
}

SwitchResult Domain::switch_fast(Node& target, void* value) noexcept {
  return pause_for(target, {Signal::value, value}, exceptions_->any(), &tealetpp_switch_by_jump);
}

TEALETPP_NOINLINE SwitchResult Domain::jump_saving_thread_state(Save* to_save,
                                                                Restore* to_restore) noexcept {
  const port::ExceptionsInFlight in_flight = std::exchange(*exceptions_, {});
  Node* inside = nullptr;
  if (nesting_.used_from_inside()) {
    nesting_.forget_use_from_inside();
    if (!current_->is_main() && running_tealet != current_) inside = running_tealet;
  }
  const Node* const paused = current_;
  const SwitchResult back = tealetpp_switch(to_save, to_restore, this);
  *exceptions_ = in_flight;
  // A fork or a duplicate returns here too, but has none of the domains that were opened in the
  // original. It may even have the original's address; then `hosts` tells them apart.
  if (inside != nullptr && current_ == paused && current_->hosts) running_tealet = inside;
  return back;
}

TEALETPP_NOINLINE SwitchResult Domain::begin(Node& fresh, Message out, bool force) noexcept {
  if (const Errc code = check_stack_space(); code != Errc::ok) return not_switched(code);
  message_ = out;
  return jump(fresh, Leaving::pause, force);
}

Errc Domain::start(Node& fresh, Message out, char* far) noexcept {
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
  if (code == Errc::ok && message_.signal == Signal::error) code = Errc::memory;
  if (code != Errc::ok) fresh.status = Status::New;
  return code;
}

Errc Domain::create_stub(std::size_t extra, Node*& stub) noexcept {
  if (const Errc code = check_stack_space(); code != Errc::ok) return code;
  stub = create(extra);
  if (stub == nullptr) return Errc::memory;
  const Errc code = capture(*stub);
  if (code == Errc::ok) return code;
  discard(*stub);
  memory_.totals.creation_undone();
  return code;
}

bool Domain::save_for_exit(const Node& target) noexcept {
  char* const up_to = target.far != nullptr ? target.far : current_->far;
  return area_.save_up_to(memory_, up_to, target.stack, StackArea::OnFailure::undo);
}

Errc Domain::exit_to(Node& target, Message out, bool keep, bool force) noexcept {
  message_ = out;
  return code_of(jump(target, keep ? Leaving::exit : Leaving::end, force));
}

Errc Domain::unwind(Node& node) noexcept {
  // The running tealet becomes the parent. Should it descend from `node`, then the branch that
  // leads to it moves to the parent that `node` has now, as it would when `node` ends.
  Node* const old_parent = node.parent;
  Node* branch = current_;
  while (branch != nullptr && branch->parent != &node) branch = branch->parent;
  if (branch != nullptr) reparent(*branch, *old_parent);
  reparent(node, *current_);  // NOLINT(*.NonNullParamChecker): there is always one that runs

  message_ = {Signal::unwind, nullptr};
  const Errc code = code_of(jump(node, Leaving::pause, false));
  if (code != Errc::ok) {
    reparent(node, *old_parent);
    if (branch != nullptr) reparent(*branch, node);
  }
  return code;
}

// The running tealet is not running any more; what of it was saved is in `saved`.
inline void Domain::leave(Stack* saved) noexcept {
  Node& from = *current_;
  if (TEALET_UNLIKELY(how_.leaving != Leaving::pause)) {
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
  const WithoutLimit limit_lifted(memory_, message_.signal == Signal::unwind);
  // Everything nearer than this will be overwritten. Rule 2: a fresh tealet begins on top, so that
  // is nothing; after a tealet that ends, it begins where that one did.
  char* up_to = to.far;
  char* fresh_entry = nullptr;
  if (TEALET_UNLIKELY(fresh)) {
    up_to = fresh_entry = how_.leaving == Leaving::end ? from.far : near;
    if (fresh_far_ > up_to) up_to = fresh_far_;
  }

  Stack* saved = nullptr;
  if (how_.leaving < Leaving::end) {  // rule 3
    char* end = up_to < from.far ? up_to : from.far;
    saved = save_running(near, end > near ? static_cast<std::size_t>(end - near) : 0);
    if (saved == nullptr && (!how_.force || from.is_main())) return false;
  }
  if (!area_.save_up_to(
          memory_, up_to, to.stack,
          how_.force ? StackArea::OnFailure::make_defunct : StackArea::OnFailure::undo)) {
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
  if (TEALET_UNLIKELY(fresh)) {
    fresh_far_ = nullptr;
    to.far = up_to;
    if (up_to > highest_far_) highest_far_ = up_to;
  }
  return true;
}

TEALETPP_NOINLINE void* Domain::on_save(void* domain, void* near) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (self.save(static_cast<char*>(near))) return self.entry_;
  self.how_.failed = true;
  return near;
}

// The same if the running tealet pauses for one that has begun, no other stack is in the way, and a
// kept block fits: most switches. Until that is known nothing is changed; on_save() does the rest.
void* Domain::on_save_fast(void* domain, void* near) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  Node& from = *self.current_;
  const Node& to = *self.target_;
  auto* const low = static_cast<char*>(near);
  char* const end = to.far < from.far ? to.far : from.far;
  if (self.area_.must_save_up_to(to.far, to.stack)) return on_save(domain, near);
  if (end > low) {
    const auto size = static_cast<std::size_t>(end - low);
    void* const block = self.memory_.try_allocate_cached(Stack::block_size(size));
    if (block == nullptr) return on_save(domain, near);
    Stack* const saved = Stack::prepare(block, self.memory_, low, from.far, size);
    char* const entry = self.pause_fast(*saved);
    saved->fill();
    return entry;
  }
  if (!from.is_main()) return on_save(domain, near);
  self.main_in_place_.begin(low, from.far);
  return self.pause_fast(self.main_in_place_);
}

// The running tealet waits in `saved`. Returns where the target goes on.
TEALETPP_ALWAYS_INLINE inline char* Domain::pause_fast(Stack& saved) noexcept {
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
      nesting_.orphan(from);
      return;
    case Leaving::abort_start:
      from.status = Status::New;
      from.far = nullptr;
      return;
  }
}

// The target's stack is in place again, and the target runs.
TEALETPP_ALWAYS_INLINE TEALETPP_NO_SANITIZE_ADDRESS inline void Domain::restore_target() noexcept {
  Node& to = *target_;
#if TEALETPP_ASAN
  port::forget_poison(deepest_near_, to.is_main() ? highest_far_ : to.far);
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
  if (TEALET_LIKELY(ended_ == nullptr)) return;
  discard(*ended_);
  ended_ = nullptr;
}

TEALETPP_NO_SANITIZE_ADDRESS SwitchResult Domain::on_restore(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (TEALET_UNLIKELY(self.how_.failed)) return self.not_switched(Errc::memory);
  self.restore_target();
  self.free_ended();
  return self.switch_result();
}

// The same after a tealet that has paused.
TEALETPP_NO_SANITIZE_ADDRESS SwitchResult Domain::on_restore_fast(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (TEALET_UNLIKELY(self.how_.failed)) return self.not_switched(Errc::memory);
  self.restore_target();
  return self.switch_result();
}

inline SwitchResult Domain::switch_result() noexcept {
  if (TEALET_UNLIKELY(message_.signal != Signal::value)) {
    return {static_cast<long>(message_.signal), this};
  }
  return {0, message_.value};
}

// What follows is the outermost frame of every tealet. With that of Hooks::run it is on every saved
// stack.

TEALETPP_ALWAYS_INLINE inline void Domain::run_here() noexcept {
  if (current_->status == Status::Stub) wait_as_stub();
  // From here on it may be any of the stub's duplicates that runs.
  current_->status = Status::Running;
  end(hooks_.run(*current_, message_));
}

TEALETPP_NO_SANITIZE_ADDRESS SwitchResult Domain::on_begin(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (TEALET_UNLIKELY(self.how_.failed)) return self.not_switched(Errc::memory);
#if TEALETPP_ASAN
  port::forget_poison(self.deepest_near_, self.target_->far);
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
TEALETPP_NO_SANITIZE_ADDRESS SwitchResult Domain::on_begin_marked(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (TEALET_UNLIKELY(self.how_.failed)) return self.not_switched(Errc::memory);
#if TEALETPP_ASAN
  port::forget_poison(self.deepest_near_, self.target_->far);
#endif
  self.enter();
  self.free_ended();
  void* volatile mark = domain;
  mark_to_far.store(self.entry_ - reinterpret_cast<char*>(const_cast<void**>(&mark)),
                    std::memory_order_relaxed);
  self.current_->marked = self.current_->far == self.entry_;
  self.run_here();
}

TEALETPP_NOINLINE TEALETPP_NO_SANITIZE_ADDRESS bool Domain::may_be_on_stack(
    const Node& tealet) noexcept {
  if (TEALETPP_FRAME_ADDRESS() >= tealet.far) return false;
  if (!tealet.marked) return true;
  const char* const mark = tealet.far - mark_to_far.load(std::memory_order_relaxed);
  return *reinterpret_cast<void* const volatile*>(mark) == tealet.domain;
}

void Domain::wait_as_stub() noexcept {
  message_ = {};
  if (code_of(jump(*previous_, Leaving::capture, false)) == Errc::ok) return;
  // There is no memory for it. To go back without being saved takes none.
  message_.signal = Signal::error;
  jump(*previous_, Leaving::abort_start, false);
  std::abort();
}

void Domain::end(Message out) noexcept {
  close_inner_domains(*current_);
  Node& target = receiver();
  leave_tree(*current_);
  message_ = out;
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
  message_ = {};
  return code_of(jump_saving_thread_state(&on_fork, &on_forked));
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

SwitchResult Domain::on_forked(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  return self.how_.failed ? self.not_switched(Errc::memory) : self.switch_result();
}

}  // namespace tealet::core
