// The switch from a tealet a to a tealet b, by five rules. docs/internals.md explains them.
//
//  1. Every partially saved stack that reaches nearer than b's far end grows up to it. a is saved
//     up to there too, and is partially saved if that is less than its whole extent. Then b's
//     chunks are copied back, and its stack is released.
//  2. A new tealet begins on top of the current stack: nothing is copied then.
//  3. A tealet that ends is not saved at all.
//  4. b's stack need not be saved first if b is its only owner; a shared one is completed before it
//     is overwritten.
//  5. If an allocation fails, the switch returns an error and nothing has changed. If the switch is
//     forced, a stack that cannot be saved becomes defunct instead. Main's never does, and a forced
//     switch to main always succeeds.
#include <atomic>
#include <cstdlib>
#include <utility>

#include "core/check.hpp"
#include "core/domain.hpp"
#include "core/thread_context.hpp"
#include "core/without_limit.hpp"
#include "port/compiler.hpp"
#include "switch/switch.h"

namespace tealet::core {

namespace {

// How many bytes of a stack lie between `near` and the nearer of `up_to` and `far`.
inline std::size_t bytes_up_to(const char* near, const char* far, const char* up_to) noexcept {
  const char* const end = up_to < far ? up_to : far;
  return end > near ? static_cast<std::size_t>(end - near) : 0;
}

}  // namespace

// --- before the switch core ---
//
// These tail-call the switch core, leaving no frame on the saved stack. The exception is
// jump_saving_thread_state(): its frame holds the thread's state until the tealet is resumed.

inline void Domain::set_jump(Node& target, Leaving leaving, bool force) noexcept {
  TEALETPP_CHECK(target.domain() == this && &target != current_);
  TEALETPP_CHECK(target.status == Status::New || target.status == Status::Stub ||
                 target.status == Status::Suspended);
  TEALETPP_CHECK((target.far == nullptr) == (target.stack == nullptr));
  TEALETPP_CHECK(current_->stack == nullptr);
  TEALETPP_CHECK(leaving == Leaving::pause || !current_->is_main());
  // save() compares addresses on one area only.
  TEALETPP_CHECK(target.area == current_->area);
  jump_.target = &target;
  jump_.mode = {leaving, force, false, false};
}

// Whether the running execution has state in the thread: C++ exceptions in flight, or a nested
// domain in use.
inline bool Domain::has_thread_state() const noexcept {
  return exceptions_->any() || nesting_.used_from_inside();
}

inline SwitchResult Domain::jump(Node& target, Leaving leaving, bool force) noexcept {
  set_jump(target, leaving, force);
  Restore* const to_begin = hooks_.knows_running ? &on_begin : &on_begin_marked;
  Restore* const restore = target.far == nullptr ? to_begin : &on_restore;
  if (TEALET_UNLIKELY(has_thread_state())) return jump_saving_thread_state(&on_save, restore);
  return tealetpp_switch(&on_save, restore, this);
}

// Precondition: `target` has begun.
inline SwitchResult Domain::pause_for(Node& target, Message out, bool saves_thread_state,
                                      Core* core) noexcept {
  TEALETPP_CHECK(target.far != nullptr);
  jump_.message = out;
  set_jump(target, Leaving::pause, false);
  if (TEALET_UNLIKELY(saves_thread_state)) {
    return jump_saving_thread_state(&on_save_fast, &on_restore_fast);
  }
  return core(&on_save_fast, &on_restore_fast, this);
}

SwitchResult Domain::switch_to(Node& target, Message out, bool force) noexcept {
  if (TEALET_UNLIKELY(target.far == nullptr)) return begin(target, out, force);
  if (TEALET_LIKELY(!force)) return pause_for(target, out, has_thread_state(), &tealetpp_switch);
  jump_.message = out;
  return jump(target, Leaving::pause, true);
}

SwitchResult Domain::switch_fast(Node& target, void* value) noexcept {
  TEALETPP_CHECK(can_switch_fast(target) && !nesting_.used_from_inside());
  return pause_for(target, {Signal::value, value}, exceptions_->any(), &tealetpp_switch_by_jump);
}

TEALETPP_NOINLINE SwitchResult Domain::jump_saving_thread_state(Save* to_save,
                                                                Restore* to_restore) noexcept {
  const port::ExceptionsInFlight in_flight = std::exchange(*exceptions_, {});
  Node* inside = nullptr;
  if (nesting_.used_from_inside()) {
    nesting_.reset_used_from_inside();
    if (!current_->is_main() && running_tealet != current_) inside = running_tealet;
  }
  const Node* const paused = current_;
  const SwitchResult back = tealetpp_switch(to_save, to_restore, this);
  *exceptions_ = in_flight;
  // A fork or a duplicate also returns here, perhaps with its node at the address of `paused`. But
  // no domain was opened in it, so it does not host one.
  if (inside != nullptr && current_ == paused && current_->hosts) running_tealet = inside;
  return back;
}

TEALETPP_NOINLINE SwitchResult Domain::begin(Node& fresh, Message out, bool force) noexcept {
  if (const Errc code = check_stack_space(); code != Errc::ok) return not_switched(code);
  jump_.message = out;
  return jump(fresh, Leaving::pause, force);
}

Errc Domain::start(Node& fresh, Message out, char* far) noexcept {
  TEALETPP_CHECK(fresh.far == nullptr);
  jump_.fresh_far = far;
  const Errc code = code_of(begin(fresh, out, false));
  if (code != Errc::ok) jump_.fresh_far = nullptr;
  return code;
}

Errc Domain::capture(Node& fresh, char* far) noexcept {
  TEALETPP_CHECK(fresh.status == Status::New);
  fresh.status = Status::Stub;  // run_here() reads it
  Node* const previous = previous_;
  Errc code = start(fresh, {}, far);
  previous_ = previous;  // a capture does not count as a switch
  if (code == Errc::ok && jump_.message.signal == Signal::error) code = Errc::memory;
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
  return target.area->save_up_to(memory_, up_to, target.stack, StackArea::OnFailure::undo) !=
         StackArea::Outcome::failed;
}

Errc Domain::exit_to(Node& target, Message out, bool keep, bool force) noexcept {
  jump_.message = out;
  return code_of(jump(target, keep ? Leaving::exit : Leaving::end, force));
}

Errc Domain::unwind(Node& node) noexcept {
  TEALETPP_CHECK(node.status == Status::Suspended);
  // The running tealet becomes the parent of `node`. If it descends from `node`, that would make a
  // cycle. Then the child of `node` from which it descends moves to the parent of `node` first: it
  // would move there when `node` ends.
  Node* const old_parent = node.parent;
  Node* branch = current_;
  while (branch != nullptr && branch->parent != &node) branch = branch->parent;
  if (branch != nullptr) reparent(*branch, *old_parent);
  reparent(node, *current_);  // NOLINT(*.NonNullParamChecker): current_ is set while open

  jump_.message = {Signal::unwind, nullptr};
  const Errc code = code_of(jump(node, Leaving::pause, false));
  if (code != Errc::ok) {
    reparent(node, *old_parent);
    if (branch != nullptr) reparent(*branch, node);
  }
  return code;
}

// --- on the stack that is left ---

// The running tealet pauses, with its bytes in `saved`.
TEALETPP_ALWAYS_INLINE inline void Domain::pause(Stack& saved, Status status) noexcept {
  Node& from = *current_;
  from.area->add(saved);
  from.area->note_near(saved.near());
  from.stack = &saved;
  from.status = status;
}

inline bool Domain::save(char* near) noexcept {
  Node& from = *current_;
  Node& to = *jump_.target;
  const bool fresh = to.far == nullptr;
  // Unwinding frees memory in the end, so the limit must not prevent it.
  const WithoutLimit limit_lifted(memory_, jump_.message.signal == Signal::unwind);
  // Everything nearer than `up_to` will be overwritten. Rule 2: a new tealet begins on top, so
  // nothing is. If the running tealet ends, the new one begins where that one did.
  char* up_to = to.far;
  char* fresh_entry = nullptr;
  if (TEALET_UNLIKELY(fresh)) {
    up_to = fresh_entry = jump_.mode.leaving == Leaving::end ? from.far : near;
    if (jump_.fresh_far > up_to) up_to = jump_.fresh_far;
  }

  Stack* saved = nullptr;
  if (jump_.mode.leaving < Leaving::end) {  // rule 3
    saved = save_running(near, bytes_up_to(near, from.far, up_to));
    if (saved == nullptr && (!jump_.mode.force || from.is_main())) return false;
  }
  const auto outcome = to.area->save_up_to(
      memory_, up_to, to.stack,
      jump_.mode.force ? StackArea::OnFailure::make_defunct : StackArea::OnFailure::undo);
  if (TEALET_UNLIKELY(outcome != StackArea::Outcome::done)) {
    if (outcome == StackArea::Outcome::failed) {
      if (saved != nullptr) saved->release(memory_);
      return false;
    }
    mark_defunct();
  }

  if (to.stack != nullptr) to.area->remove(*to.stack);
  from.area->note_near(near);  // also of a tealet that ends: its frames stay poisoned
  leave(saved);
  // NOLINTNEXTLINE(*.CallAndMessage): a tealet that has begun and does not run has a stack.
  jump_.entry = fresh ? fresh_entry : to.stack->near();
  if (TEALET_UNLIKELY(fresh)) {
    jump_.fresh_far = nullptr;
    to.far = up_to;
    to.area->note_far(up_to);
  }
  return true;
}

// Main needs no saving when its target lies nearer, the usual case.
inline Stack* Domain::save_running(char* near, std::size_t size) noexcept {
  const Node& from = *current_;
  if (size == 0 && from.is_main()) return &from.area->pause_in_place(near, from.far);
  return Stack::save(memory_, near, from.far, size);
}

// The running tealet stops running. `saved` is its stack, or nullptr if it was not saved.
inline void Domain::leave(Stack* saved) noexcept {
  Node& from = *current_;
  if (saved != nullptr) {
    const bool captured = jump_.mode.leaving == Leaving::capture;
    pause(*saved, captured ? Status::Stub : Status::Suspended);
    return;
  }
  switch (jump_.mode.leaving) {
    case Leaving::pause:
    case Leaving::capture:
      from.status = Status::Defunct;
      return;
    case Leaving::end:
      jump_.ended = &from;
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

// Only called when memory runs out, so a walk over all tealets is fast enough.
TEALETPP_COLD void Domain::mark_defunct() noexcept {
  for (Node* node = main_; node != nullptr; node = node->next_in_tree()) {
    if (node->stack != nullptr && node->stack->defunct()) node->status = Status::Defunct;
  }
}

TEALETPP_NOINLINE void* Domain::on_save(void* domain, void* near) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (self.save(static_cast<char*>(near))) return self.jump_.entry;
  self.jump_.mode.failed = true;
  return near;
}

// The fast path of on_save(): the running tealet pauses for one that has begun, no other stack is
// in the way, and a cached block has the right size. Nothing changes before that is known.
void* Domain::on_save_fast(void* domain, void* near) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  const Node& from = *self.current_;
  const Node& to = *self.jump_.target;
  Stack& resumed = *to.stack;
  auto* const low = static_cast<char*>(near);
  if (to.area->must_save_up_to(to.far, &resumed)) return on_save(domain, near);
  if (const std::size_t size = bytes_up_to(low, from.far, to.far); size != 0) {
    void* const block = self.memory_.try_allocate_cached(Stack::block_size(size));
    if (block == nullptr) return on_save(domain, near);
    Stack* const saved = Stack::prepare(block, self.memory_, low, from.far, size);
    // from.area is to.area, but needs no register of its own.
    from.area->remove(resumed);
    self.pause(*saved, Status::Suspended);
    char* const entry = resumed.near();
    saved->fill();
    return entry;
  }
  if (!from.is_main()) return on_save(domain, near);
  from.area->remove(resumed);
  self.pause(from.area->pause_in_place(low, from.far), Status::Suspended);
  return resumed.near();
}

// --- on the stack that is entered ---

// Puts the target's stack back in place, and makes it the running tealet.
TEALETPP_ALWAYS_INLINE TEALETPP_NO_SANITIZE_ADDRESS inline void Domain::restore_target() noexcept {
  Node& to = *jump_.target;
  to.area->forget_poison(to.is_main() ? unbounded : to.far);
  Stack* const stack = to.stack;
  to.stack = nullptr;
  to.status = Status::Running;
  if (TEALET_UNLIKELY(tracks_)) record_resumption(to, *stack);
  stack->restore(memory_);
  enter();
}

// Makes the target the running tealet.
inline void Domain::enter() noexcept {
  previous_ = current_;
  current_ = jump_.target;
  memory_.totals.switched();
  nesting_.entered(*current_);
}

// Frees the tealet that the jump has ended, if there is one.
inline void Domain::free_ended() noexcept {
  if (TEALET_LIKELY(jump_.ended == nullptr)) return;
  discard(*jump_.ended);
  jump_.ended = nullptr;
}

TEALETPP_NO_SANITIZE_ADDRESS SwitchResult Domain::on_restore(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (TEALET_UNLIKELY(self.jump_.mode.failed)) return self.not_switched(Errc::memory);
  self.restore_target();
  self.free_ended();
  return self.switch_result();
}

// The same for a jump that ends no tealet.
TEALETPP_NO_SANITIZE_ADDRESS SwitchResult Domain::on_restore_fast(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (TEALET_UNLIKELY(self.jump_.mode.failed)) return self.not_switched(Errc::memory);
  self.restore_target();
  return self.switch_result();
}

// --- the outermost frames of a tealet, on every saved stack: on_begin() and Hooks::run ---

TEALETPP_ALWAYS_INLINE inline void Domain::run_here() noexcept {
  if (current_->status == Status::Stub) wait_as_stub();
  // From here on current_ may be any duplicate of the stub.
  current_->status = Status::Running;
  end(hooks_.run(*current_, jump_.message));
}

TEALETPP_ALWAYS_INLINE inline void Domain::enter_fresh() noexcept {
  jump_.target->area->forget_poison(jump_.target->far);
  if (TEALET_UNLIKELY(tracks_)) record_beginning(*jump_.target);
  enter();
  free_ended();
}

TEALETPP_NO_SANITIZE_ADDRESS SwitchResult Domain::on_begin(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (TEALET_UNLIKELY(self.jump_.mode.failed)) return self.not_switched(Errc::memory);
  self.enter_fresh();
  self.run_here();
}

namespace {

// The distance from a tealet's mark to its far end. It is the same for all tealets, because the
// mark is a variable of on_begin_marked().
std::atomic<std::ptrdiff_t> mark_to_far{0};

}  // namespace

// The same for an API without Hooks::knows_running: leaves a mark at the far end for
// may_be_on_stack(). The mark does not count if the far end is farther than the place where the
// tealet begins.
TEALETPP_NO_SANITIZE_ADDRESS SwitchResult Domain::on_begin_marked(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  if (TEALET_UNLIKELY(self.jump_.mode.failed)) return self.not_switched(Errc::memory);
  self.enter_fresh();
  void* volatile mark = domain;
  mark_to_far.store(self.jump_.entry - reinterpret_cast<char*>(const_cast<void**>(&mark)),
                    std::memory_order_relaxed);
  self.current_->marked = self.current_->far == self.jump_.entry;
  self.run_here();
}

TEALETPP_NOINLINE TEALETPP_NO_SANITIZE_ADDRESS bool Domain::may_be_on_stack(
    const Node& tealet) noexcept {
  if (TEALETPP_FRAME_ADDRESS() >= tealet.far) return false;
  if (!tealet.marked) return true;
  const char* const mark = tealet.far - mark_to_far.load(std::memory_order_relaxed);
  return *reinterpret_cast<void* const volatile*>(mark) == tealet.domain();
}

void Domain::wait_as_stub() noexcept {
  jump_.message = {};
  if (code_of(jump(*previous_, Leaving::capture, false)) == Errc::ok) return;
  // There is no memory to save the stub. Going back without saving it takes none.
  jump_.message.signal = Signal::error;
  jump(*previous_, Leaving::abort_start, false);
  std::abort();
}

void Domain::end(Message out) noexcept {
  close_inner_domains(*current_);
  Node& target = receiver();
  leave_tree(*current_);
  jump_.message = out;
  jump(target, Leaving::end, false);
  // A jump that returns has failed: there is no memory to save what is in the target's way. The
  // ending tealet cannot continue, so force the jump (rule 5); at worst, main receives the result.
  jump(target, Leaving::end, true);
  jump(*main_, Leaving::end, true);
  std::abort();
}

Node& Domain::receiver() noexcept {
  Node* parent = current_->parent;
  while (parent->status == Status::Defunct || parent->status == Status::Stub) {
    parent = parent->parent;
  }
  return *parent;
}

}  // namespace tealet::core
