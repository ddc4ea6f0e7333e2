// The domain: the tealets of one Main on one thread, and the switch between them.
#pragma once

#include <tealet/cxx/counting_allocator.hpp>
#include <tealet/cxx/error.hpp>
#include <tealet/cxx/stats.hpp>
#include <tealet/cxx/status.hpp>
#include <tealet/detail/switch_result.h>

#include <cstddef>
#include <cstdint>
#include <memory_resource>

#include "core/domain_memory.hpp"
#include "core/nesting.hpp"
#include "core/node.hpp"
#include "core/stack_area.hpp"
#include "core/thread_context.hpp"
#include "port/cxx_runtime.hpp"
#include "port/thread_stack.hpp"

namespace tealet::core {

// What travels with a switch. The engine hands it over and looks at the signal only; what the value
// points to is between the faces' two ends.
enum class Signal : std::uint8_t {
  value,   // the result of the receiver's switch
  error,   // the receiver's switch raises it
  unwind,  // the receiver raises the special exception and ends
};
struct Message {
  Signal signal = Signal::value;
  void* value = nullptr;
};

// What the functions that switch return. received() has more of it.
using SwitchResult = tealetpp_switch_result;
inline Errc code_of(SwitchResult switch_result) noexcept {
  return switch_result.what < 0 ? static_cast<Errc>(switch_result.what) : Errc::ok;
}

// What the engine needs from a face. None of these may let an exception out.
struct Hooks {
  // Runs the function of a tealet that has just begun, on its own stack, with what arrived there.
  // The result is delivered to its parent.
  Message (*run)(Node& self, Message received);
  // Frees what the face has attached to the node of a tealet that is gone. Of one that has ended
  // this happens in the middle of the switch to its parent: what may switch is for run() to free.
  // False if somebody still refers to the node: it is then for the face to call free_block() in the
  // end.
  bool (*release)(Node& node);
  // Closes a domain, with Domain::close() in the end, because the tealet in which it was opened
  // ends. nullptr if it waits, stranded, for its program to do that.
  void (*close)(Domain& domain);
  // `child` has another parent than before. May be nullptr.
  void (*reparented)(Node& child);
  // Whether the face tells which tealet runs: Nesting::correct_running(). If not, the engine
  // notices only by the stack pointer that another library has moved the C stack.
  bool knows_running = false;
};

// All functions but stats_by_walk() are noexcept, and whatever returns an Errc or an Arrival
// changes nothing if it fails. Nodes are passed in the state that their names say; the faces ask
// check() first.
class Domain {
 public:
  Domain(const Hooks& hooks, std::pmr::memory_resource* upstream, std::size_t limit) noexcept;
  ~Domain();
  Domain(const Domain&) = delete;
  Domain& operator=(const Domain&) = delete;

  // --- lifetime ---

  // Begins the domain on this thread, in whatever tealet runs there now: makes the main tealet,
  // with `extra` bytes behind it.
  Errc open(std::size_t extra) noexcept;
  // Ends it: frees every node as it is, without unwinding, and gives all memory back. Only while
  // main runs, unless the domain is stranded or its thread is gone; on any thread, if meanwhile no
  // other uses this domain or the one that it lies in.
  void close() noexcept;
  bool is_open() const noexcept { return main_ != nullptr; }
  // Whether it is not closed when the tealet in which it was opened ends, but waits, stranded.
  bool stays_open_orphaned() const noexcept { return hooks_.close == nullptr; }
  bool knows_running() const noexcept { return hooks_.knows_running; }

  // Where it lies among the domains of its thread.
  Nesting& nesting() noexcept { return nesting_; }
  const Nesting& nesting() const noexcept { return nesting_; }
  // Closes the domains that were opened in `outer`, are open still, and do not wait for that. A
  // face that must do so before its own clean-up calls this at the end of run(); otherwise the
  // engine does.
  void close_inner_domains(const Node& outer) noexcept;

  // --- whether something can be done here and now ---

  // Whether this domain can be used here and now: its thread, the tealet in which it was opened.
  Errc check() const noexcept { return nesting_.check(); }
  // The same, and whether `target` can be switched to.
  Errc check(const Node& target) const noexcept {
    if (target.domain != this) return Errc::foreign;
    if (const Errc code = check(); code != Errc::ok) return code;
    return status(target) == Status::Defunct ? Errc::defunct : Errc::ok;
  }
  // Whether `target`, of this domain, is paused and check() is ok, as far as can be told without a
  // call.
  bool can_switch_fast(const Node& target) const noexcept {
    // On another thread nothing else may be looked at.
    return nesting_.is_usable_fast() && target.status == Status::Suspended &&
           !target.stack->defunct();
  }
  // Whether there is enough of the C stack left to begin another tealet on top.
  Errc check_stack_space() const noexcept;
  // How much of the C stack is left for what runs below `address`.
  port::StackSpace space_below(const void* address) const noexcept {
    return stack_.space_below(address);
  }

  // --- creation and destruction ---

  // A tealet that has not begun, child of `parent`, with `extra` bytes (zeroed) behind it; nullptr
  // if there is no memory.
  Node* create(std::size_t extra, Node& parent) noexcept;
  Node* create(std::size_t extra) noexcept { return create(extra, *current_); }
  // Makes a new tealet one that has begun and paused at once, before it runs anything: a stub. The
  // next switch to it runs its function on this place of the stack. Its stack begins here; at
  // `far`, if that is farther.
  Errc capture(Node& fresh, char* far = nullptr) noexcept;
  // The same for a tealet that is made for it, child of the running one.
  Errc create_stub(std::size_t extra, Node*& stub) noexcept;
  // A further tealet with the same parent, sharing the stack of one that does not run; its extra
  // bytes are zero. nullptr if there is no memory, or there are too many already.
  Node* duplicate(const Node& original) noexcept;
  // Makes a new tealet a copy of the running one: returns in both. With `leave` the copy goes on
  // and the original is paused, otherwise the other way round; whoever is resumed later finds in
  // received() what that brought. Main must have a far end.
  Errc fork(Node& copy, bool leave) noexcept;
  // Gives main, which must run, a far end: nothing at or above it is saved from now on.
  void set_main_far(char* far) noexcept { main_->far = far; }
  // Frees a node that does not run, as it is: nothing on its stack is unwound.
  void discard(Node& node) noexcept;
  // Returns the memory of a node that release() kept.
  void free_block(Node& node) noexcept { memory_.deallocate(&node, node.block_size()); }

  // --- the switch ---

  // Switches to a new, captured or paused tealet; returns when something switches back. What came
  // with that is in received(). `force` gives up tealets that cannot be saved for want of memory,
  // rather than fail; switching to main then always succeeds.
  SwitchResult switch_to(Node& target, Message out, bool force = false) noexcept;
  // The same for a target that can_switch_fast(), as the last thing in a function that the program
  // itself calls.
  SwitchResult switch_fast(Node& target, void* value) noexcept;
  // The same for a new tealet whose stack begins here; at `far`, if that is farther: it gets a copy
  // of what lies in between.
  Errc start(Node& fresh, Message out, char* far) noexcept;
  // Saves what exit_to() would have to save, so that it needs no memory. False if there is none:
  // every stack is as it was.
  bool save_for_exit(const Node& target) noexcept;
  // Ends the running tealet, which is not main, and switches to a captured or paused one. Returns
  // only if that fails. With `keep` the node stays, Exited, until it is discarded.
  Errc exit_to(Node& target, Message out, bool keep, bool force) noexcept;
  // Asks a paused tealet to end, with the running one as its parent from now on. It may have
  // switched away instead when this returns; the face knows whether its node was released.
  Errc unwind(Node& node) noexcept;
  Message& received() noexcept { return message_; }

  // --- the tealets, and their tree ---

  Node& main() noexcept { return *main_; }
  Node& current() noexcept { return *current_; }
  const Node& current() const noexcept { return *current_; }
  // The tealet that switched to the running one, if it still exists.
  Node* previous() noexcept { return previous_; }
  // Who the end of the running tealet will be delivered to: its nearest ancestor that can receive.
  // A defunct one cannot, nor a stub, which has no function that would.
  Node& receiver() noexcept;
  // The next to end when all below `top` must: a tealet without children; `top` if there is none.
  Node& newest_leaf(Node& top) noexcept;
  // Errc::invalid if `node` is main or `parent` descends from it; Errc::foreign if `parent` is of
  // another domain.
  Errc set_parent(Node& node, Node& parent) noexcept;

  // --- figures ---

  Status status(const Node& node) const noexcept {
    const bool defunct = node.stack != nullptr && node.stack->defunct();
    return defunct ? Status::Defunct : node.status;
  }
  // Bytes of `node` on the heap now, shared ones in full; and how deep its stack is.
  std::size_t saved_bytes(const Node& node) const noexcept;
  std::size_t extent(const Node& node) const noexcept;
  // Whether the caller may run in `tealet`, for all that can be seen: the stack pointer is nearer
  // than its far end, and there is its mark. Other libraries may have moved it away.
  static bool may_be_on_stack(const Node& tealet) noexcept;
  // No tealet but main has ever had bytes at or above this address.
  const char* highest_far() const noexcept { return highest_far_; }

  CountingAllocator& memory() noexcept { return memory_; }
  const CountingAllocator& memory() const noexcept { return memory_; }
#if TEALET_WITH_STATS
  Stats stats() const noexcept;
  // The same figures, counted one by one over all tealets and chunks. May throw std::bad_alloc.
  Stats stats_by_walk() const;
#else
  Stats stats() const noexcept { return {}; }
#endif
  void reset_peak_stats() noexcept { memory_.reset_peaks(); }

 private:
  // What a jump means for the tealet that it leaves.
  enum class Leaving : std::uint8_t {
    pause,
    capture,  // it pauses as a stub
    // It is not saved:
    end,          // its node is freed
    exit,         // its node stays
    abort_start,  // it shall never have begun
  };

  // One word, set at once with every jump.
  struct How {
    Leaving leaving = Leaving::pause;
    bool force = false;
    bool fork_leaves = false;  // the original pauses, not the copy
    bool failed = false;       // nothing was switched
  };

  using Save = void*(void* domain, void* near) noexcept;
  using Restore = SwitchResult(void* domain) noexcept;
  using Core = SwitchResult(void* (*save)(void*, void*), SwitchResult (*restore)(void*),
                            void* domain);

  void set_out(Node& target, Leaving leaving, bool force) noexcept;
  SwitchResult jump(Node& target, Leaving leaving, bool force) noexcept;
  SwitchResult pause_for(Node& target, Message out, bool saves_thread_state,
                         Core* to_switch) noexcept;
  SwitchResult begin(Node& fresh, Message out, bool force) noexcept;
  bool has_thread_state() const noexcept;
  SwitchResult jump_saving_thread_state(Save* to_save, Restore* to_restore) noexcept;
  // The switch core's callbacks, on the stack that is left and on the one that is entered.
  static Save on_save;
  static Save on_save_fast;
  static Restore on_restore;
  static Restore on_restore_fast;
  static Restore on_begin;
  static Restore on_begin_marked;
  static Save on_fork;
  static Restore on_forked;
  bool save(char* near) noexcept;
  char* pause_fast(Stack& saved) noexcept;
  Stack* save_running(char* near, std::size_t size) noexcept;
  void leave(Stack* saved) noexcept;
  void leave_otherwise(Stack* saved) noexcept;
  void enter() noexcept;
  void restore_target() noexcept;
  void free_ended() noexcept;
  SwitchResult switch_result() noexcept;
  SwitchResult not_switched(Errc code) noexcept { return {static_cast<long>(code), this}; }
  void wait_as_stub() noexcept;
  [[noreturn]] void run_here() noexcept;
  [[noreturn]] void end(Message out) noexcept;

  Node* make_node(std::size_t extra) noexcept;
  void reparent(Node& child, Node& parent) noexcept;
  void leave_tree(Node& node) noexcept;
  void free_node(Node& node) noexcept;

  // The jump under way, for the callbacks.
  Node* target_ = nullptr;
  char* entry_ = nullptr;      // the stack pointer to continue at
  char* fresh_far_ = nullptr;  // where the stack of a fresh tealet shall begin, if farther
  How how_;
  Node* ended_ = nullptr;  // the tealet that it ended, freed by the one that is entered
  Message message_;

  Node* current_ = nullptr;
  Node* main_ = nullptr;
  Node* previous_ = nullptr;  // not next to current_: see CountingAllocator::blocks_below_peak_
  StackArea area_;
  Stack main_in_place_;  // main's stack while it is paused, if nothing of it had to be saved
  DomainMemory memory_;
  Hooks hooks_;
  const char* highest_far_ = nullptr;
  const char* deepest_near_ = unbounded;            // kept up under AddressSanitizer only
  port::ExceptionsInFlight* exceptions_ = nullptr;  // of this thread

  Nesting nesting_{*this};
  port::UsableStack stack_;  // of this thread
};

}  // namespace tealet::core
