// The domain: the tealets of one Main on one thread, and the switch between them.
#pragma once

#include <tealet/cxx/counting_allocator.hpp>
#include <tealet/cxx/error.hpp>
#include <tealet/cxx/stats.hpp>
#include <tealet/cxx/status.hpp>
#include <tealet/cxx/tealet_stats.hpp>
#include <tealet/detail/switch_result.h>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "core/domain_memory.hpp"
#include "core/nesting.hpp"
#include "core/node.hpp"
#include "core/stack_area.hpp"
#include "port/compiler.hpp"
#include "port/cxx_runtime.hpp"

namespace tealet::core {

// What a switch sends. The engine reads only the signal; each API defines the type of the value.
enum class Signal : std::uint8_t {
  value,   // the receiver's switch returns it
  error,   // the receiver's switch raises it
  unwind,  // the receiver's switch raises the special exception of its API, to end the receiver
};
struct Message {
  Signal signal = Signal::value;
  void* value = nullptr;
};

// What a switch returns, in registers. Domain::received() has the whole message.
using SwitchResult = tealetpp_switch_result;
inline Errc code_of(SwitchResult result) noexcept {
  return result.what < 0 ? static_cast<Errc>(result.what) : Errc::ok;
}

// The functions that the engine calls in an API. No exception may leave them.
struct Hooks {
  // Runs the function of a tealet that has just begun, on its own stack, with the message that
  // began it. The result is delivered to its parent.
  Message (*run)(Node& self, Message received);
  // Frees what the API has attached to a node that is about to be freed. Must not switch: for a
  // tealet that has ended, it is called in the middle of the jump to the parent. If freeing
  // something may switch, the API frees it at the end of run(). Returns false if the API still
  // refers to the node; the API then calls free_block() later.
  bool (*release)(Node& node);
  // Closes a domain because its enclosing tealet ends; calls Domain::close() last. nullptr if the
  // domain becomes orphaned instead, until the program closes it.
  void (*close)(Domain& domain);
  // `child` has a new parent. May be nullptr.
  void (*reparented)(Node& child);
  // Bytes of a tealet's part of the data stack, in memory of its domain. nullptr if the API has
  // none.
  std::size_t (*data_stack_bytes)(Node& node) = nullptr;
  // Whether the API reports which tealet runs: Nesting::correct_running(). Otherwise the engine can
  // only look at the stack to find out that another library has moved it: may_be_on_stack().
  bool knows_running = false;
};

// Functions that return an Errc or a SwitchResult give the strong guarantee: if they fail, nothing
// has changed. The caller must satisfy the preconditions on the status of nodes, and call check()
// first.
class Domain {
 public:
  Domain(const Hooks& hooks, std::pmr::memory_resource* upstream, std::size_t limit) noexcept;
  ~Domain();
  Domain(const Domain&) = delete;
  Domain& operator=(const Domain&) = delete;

  // --- lifetime ---

  // Opens the domain on this thread, inside the tealet that runs there. Makes the main tealet, with
  // `extra` bytes behind its node. Precondition: not open.
  Errc open(std::size_t extra) noexcept;
  // Closes the domain: discards every tealet and gives all memory back. Precondition: main runs, or
  // the domain is orphaned, or its thread has ended. May be called on any thread, if no other
  // thread uses this domain or that of its enclosing tealet.
  void close() noexcept;
  bool is_open() const noexcept { return main_ != nullptr; }
  // Whether it becomes orphaned, instead of being closed, when its enclosing tealet ends.
  bool stays_open_orphaned() const noexcept { return hooks_.close == nullptr; }
  bool knows_running() const noexcept { return hooks_.knows_running; }

  Nesting& nesting() noexcept { return nesting_; }
  const Nesting& nesting() const noexcept { return nesting_; }
  // Closes the domains that were opened in `outer`, except those that stay open orphaned. The
  // engine calls this after run(). An API that must clean up after that calls it itself, at the end
  // of run().
  void close_inner_domains(const Node& outer) noexcept;

  // --- whether something can be done here and now ---

  // Whether the domain can be used here: see Nesting::check().
  Errc check() const noexcept { return nesting_.check(); }
  // The same, and whether `target` can be resumed.
  Errc check(const Node& target) const noexcept {
    if (target.domain() != this) return Errc::foreign;
    if (const Errc code = check(); code != Errc::ok) return code;
    return target.status == Status::Defunct ? Errc::defunct : Errc::ok;
  }
  // Fast path of check(target) for a paused target of this domain. False does not mean that it
  // fails.
  bool can_switch_fast(const Node& target) const noexcept {
    // This comes first: on another thread reading anything else would be a data race.
    return nesting_.is_usable_fast() && target.status == Status::Suspended;
  }
  // Whether there is enough stack space to begin a tealet here.
  Errc check_stack_space() const noexcept;

  // --- creation and destruction ---

  // A new tealet, child of `parent`, with `extra` zeroed bytes behind its node; nullptr if there is
  // no memory.
  Node* create(std::size_t extra, Node& parent) noexcept;
  Node* create(std::size_t extra) noexcept { return create(extra, *current_); }
  // Captures a new tealet: its status becomes Stub. The next switch to it runs its function at this
  // place on the stack. Its stack begins here, or at `far` if that is farther.
  Errc capture(Node& fresh, char* far = nullptr) noexcept;
  // Creates a tealet, child of the running one, and captures it.
  Errc create_stub(std::size_t extra, Node*& stub) noexcept;
  // A new tealet with the same parent that shares the stack of `original`; its extra bytes are
  // zero. nullptr if there is no memory, or the stack has too many owners. Precondition: `original`
  // does not run.
  Node* duplicate(const Node& original) noexcept;
  // Makes a new tealet a copy of the running one, and returns in both. With `leave` the copy
  // continues and the original is paused; otherwise the copy is paused. In the paused one this
  // returns when it is resumed, and received() has the message. Precondition: the running tealet
  // has a far end.
  Errc fork(Node& copy, bool leave) noexcept;
  // Gives main a far end: nothing at or above it is saved from now on. Precondition: main runs.
  void set_main_far(char* far) noexcept { main_->far = far; }
  // Frees a tealet without unwinding it. Precondition: it does not run, or no code of its thread
  // will ever run again.
  void discard(Node& node) noexcept;
  // Frees the memory of a node for which Hooks::release() has returned false.
  void free_block(Node& node) noexcept {
    memory_.totals.node_freed(node.block_size());
    memory_.deallocate(&node, node.block_size());
  }

  // --- the switch ---

  // Switches to a new, captured or paused tealet; returns when something switches back. With
  // `force`, tealets that cannot be saved become defunct, and switching to main always succeeds.
  SwitchResult switch_to(Node& target, Message out, bool force = false) noexcept;
  // The same for a target for which can_switch_fast() is true. The caller must be a function that
  // the program calls, and must tail-call this.
  SwitchResult switch_fast(Node& target, void* value) noexcept;
  // Switches to a new tealet. Its stack begins here, or at `far` if that is farther: then it gets a
  // copy of the bytes in between.
  Errc start(Node& fresh, Message out, char* far) noexcept;
  // Saves what exit_to() would have to save, so that exit_to() needs no memory. False if there is
  // no memory.
  bool save_for_exit(const Node& target) noexcept;
  // Ends the running tealet, which is not main, and switches to a captured or paused one. Returns
  // only if that fails. With `keep` the node stays, Exited, until it is discarded.
  Errc exit_to(Node& target, Message out, bool keep, bool force) noexcept;
  // Resumes a paused tealet with Signal::unwind, and makes the running tealet its parent. When this
  // returns, the tealet has ended or switched away instead; its API must know which, since the node
  // of an ended tealet may be freed.
  Errc unwind(Node& node) noexcept;
  // The message that the last switch to the running tealet sent.
  Message& received() noexcept { return jump_.message; }

  // --- the tree of tealets ---

  Node& main() noexcept { return *main_; }
  const Node& main() const noexcept { return *main_; }
  // Calls `visit` with each tealet but main, parents first. Precondition: the domain is open.
  template <class Visit>
  void for_each_tealet(Visit visit) const {
    for (Node* node = main_->next_in_tree(); node != nullptr; node = node->next_in_tree()) {
      visit(*node);
    }
  }
  Node& current() noexcept { return *current_; }
  const Node& current() const noexcept { return *current_; }
  // The tealet that switched to the running one; nullptr if there is none, or it was freed.
  Node* previous() noexcept { return previous_; }
  // The tealet that receives the result of the running one: its nearest ancestor that is neither
  // defunct nor a stub.
  Node& receiver() noexcept;
  // A descendant of `top` without children, the newest at each level; `top` itself if it has none.
  // For ending all tealets below `top`, children first.
  Node& newest_leaf(Node& top) noexcept;
  // Errc::invalid if `node` is main or `parent` descends from it; Errc::foreign if `parent` is of
  // another domain.
  Errc set_parent(Node& node, Node& parent) noexcept;

  // --- figures ---

  // Saved bytes of the stack of `node`. Those of a shared stack count in full.
  std::size_t saved_bytes(const Node& node) const noexcept;
  // How deep the stack of `node` is, in bytes. 0 if it has none or that is unknown.
  std::size_t extent(const Node& node) const noexcept;
  // Whether `tealet`, the running one of its domain, may still be on the C stack. False if another
  // library has moved it away: the stack pointer is beyond its far end, or its mark is gone.
  static bool may_be_on_stack(const Node& tealet) noexcept;

#if TEALET_WITH_STATS
  // The part of a tealet in the bytes allocated: see TealetStats::bytes_alone.
  std::size_t bytes_alone(Node& node) const noexcept;
  // What one tealet takes.
  TealetStats stats_of(Node& node) noexcept;
  // All tealets but main. `largest` gets the `most_largest` of them with the largest cost, the
  // largest first. May throw std::bad_alloc.
  SurveyFigures survey(std::size_t most_largest, std::vector<Node*>& largest) const;
  // Records the history of main and of the tealets that are created from now on.
  void track() noexcept;
#else
  TealetStats stats_of(Node&) noexcept { return {}; }
  SurveyFigures survey(std::size_t, std::vector<Node*>&) const { return {}; }
  void track() noexcept {}
#endif

  CountingAllocator& memory() noexcept { return memory_; }
  const CountingAllocator& memory() const noexcept { return memory_; }
  Totals& totals() noexcept { return memory_.totals; }
#if TEALET_WITH_STATS
  Stats stats() const noexcept;
  // The same figures from a walk over all tealets and chunks. May throw std::bad_alloc.
  Stats stats_by_walk() const;
  // SurveyFigures::domain_bytes, as a sum of its parts. May throw std::bad_alloc.
  std::size_t domain_bytes_by_walk() const;
#else
  Stats stats() const noexcept { return {}; }
#endif
  void reset_peak_stats() noexcept { memory_.reset_peaks(); }
#if TEALET_CHECKS
  // Walks all nodes, stacks and blocks, and aborts if any invariant is broken. May throw
  // std::bad_alloc.
  void verify() const;
#endif

 private:
  // What a jump means for the tealet that it leaves.
  enum class Leaving : std::uint8_t {
    pause,
    capture,  // it pauses as a stub
    // It does not pause, so it is not saved:
    end,          // its node is freed
    exit,         // its node stays
    abort_start,  // it becomes New again
  };

  // The jump under way. The callbacks on both stacks read it.
  struct Jump {
    // Fits in one word, so set_jump() stores it at once.
    struct Mode {
      Leaving leaving = Leaving::pause;
      bool force = false;
      bool fork_leaves = false;  // the original pauses, not the copy
      bool failed = false;       // nothing was switched
    };

    Node* target = nullptr;
    char* entry = nullptr;      // the stack pointer to continue at
    char* fresh_far = nullptr;  // the far end of a new tealet, if farther than where it begins
    Mode mode;
    Node* ended = nullptr;  // the tealet that the jump ended; freed after the change of stacks
    Message message;
  };

  using Save = void*(void* domain, void* near) noexcept;
  using Restore = SwitchResult(void* domain) noexcept;
  using Core = SwitchResult(void* (*save)(void*, void*), SwitchResult (*restore)(void*),
                            void* domain);

  void set_jump(Node& target, Leaving leaving, bool force) noexcept;
  SwitchResult jump(Node& target, Leaving leaving, bool force) noexcept;
  SwitchResult pause_for(Node& target, Message out, bool saves_thread_state, Core* core) noexcept;
  SwitchResult begin(Node& fresh, Message out, bool force) noexcept;
  bool has_thread_state() const noexcept;
  SwitchResult jump_saving_thread_state(Save* to_save, Restore* to_restore) noexcept;
  // The callbacks of the switch core: Save on the stack that is left, Restore on the one entered.
  static Save on_save;
  static Save on_save_fast;
  static Restore on_restore;
  static Restore on_restore_fast;
  static Restore on_begin;
  static Restore on_begin_marked;
  static Save on_fork;
  static Restore on_forked;
  bool save(char* near) noexcept;
  Stack* save_running(char* near, std::size_t size) noexcept;
  void pause(Stack& saved, Status status) noexcept;
  void leave(Stack* saved) noexcept;
  void enter() noexcept;
  void restore_target() noexcept;
  void enter_fresh() noexcept;
  void free_ended() noexcept;
  void mark_defunct() noexcept;
  SwitchResult switch_result() noexcept;
  SwitchResult not_switched(Errc code) noexcept { return {static_cast<long>(code), this}; }
  void wait_as_stub() noexcept;
  [[noreturn]] void run_here() noexcept;
  [[noreturn]] void end(Message out) noexcept;

  Node* make_node(std::size_t extra) noexcept;
  void reparent(Node& child, Node& parent) noexcept;
  void leave_tree(Node& node) noexcept;
  void free_node(Node& node) noexcept;
#if TEALET_WITH_STATS
  std::size_t data_stack_bytes(Node& node) const noexcept {
    return hooks_.data_stack_bytes != nullptr ? hooks_.data_stack_bytes(node) : 0;
  }
  History* history_of(Node& node) noexcept;
  void record_creation(Node& node) noexcept;
  void record_resumption(Node& node, const Stack& stack) noexcept;
  void record_beginning(Node& node) noexcept;
#else
  static void record_creation(Node&) noexcept {}
  static void record_resumption(Node&, const Stack&) noexcept {}
  static void record_beginning(Node&) noexcept {}
#endif

  Jump jump_;
  Node* current_ = nullptr;
  Node* main_ = nullptr;
  Node* previous_ = nullptr;  // not next to current_: see CountingAllocator::blocks_below_peak_
  // Whether `current_` was discarded while it ran. Its block is freed when the domain is closed.
  bool current_is_discarded_ = false;
  DomainMemory memory_;
  Hooks hooks_;
  port::ExceptionsInFlight* exceptions_ = nullptr;  // of this thread
  Nesting nesting_{*this};
  StackArea area_;  // the thread's C stack
#if TEALET_WITH_STATS
  bool tracks_ = false;  // whether new tealets are tracked
  History main_history_;
#else
  static constexpr bool tracks_ = false;
#endif
};

inline SwitchResult Domain::switch_result() noexcept {
  if (TEALET_UNLIKELY(jump_.message.signal != Signal::value)) {
    return {static_cast<long>(jump_.message.signal), this};
  }
  return {0, jump_.message.value};
}

}  // namespace tealet::core
