// The open domains of a Python thread, and the safe points at which they end pending tealets.
//
// A tealet can be ended on its own thread only, but it may be collected or dropped on any thread.
// If it cannot be ended at once, it is pending in its domain until the next safe point: the
// thread's next switch, creation, closing or change of a parent, in any of its domains. The main
// thread has one more safe point, while no tealet runs: a pending call of the interpreter.
// docs/internals.md, "Garbage", has the rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "python/python_domain.hpp"

namespace tealetpp {

class ThreadDomains {
 public:
  // The ThreadDomains of the running thread, created at its first use. The dictionary of the thread
  // state owns it. nullptr with an exception set.
  static ThreadDomains* of_this_thread();

  // A domain is added when it has been opened on this thread, and removed when it is closed.
  void add(PythonDomain& domain);
  void remove(PythonDomain& domain);

  // Records that something has become pending in one of these domains. On any thread.
  void note_pending();
  // Ends what is pending and can be ended here and now. Any code may run. See
  // PythonDomain::end_pending().
  bool end_pending();
  // The same in a pending call of the interpreter. Does nothing while a tealet runs: if that is
  // discarded in the middle of the call, the interpreter never gets out of it.
  void end_pending_in_call();
  // Queues that pending call, if no tealet runs.
  void request_call_outside();
  // Queues the pending call again if it ran during the collection.
  static void collection_ended();

  // The domain opened last of those that can be used here and now; nullptr if there is none.
  PythonDomain* newest_usable();
  // Corrects what the engine has recorded as running, if another library has switched C stacks.
  void correct_running();

  // Call these before and after code that drops frames without unwinding. begin_discarding()
  // returns a number for end_discarding(). The code may switch, so discards end in any order. A
  // discard that runs in a tealet that is discarded never ends: see cancel_discards_in().
  int begin_discarding() noexcept;
  void end_discarding(int number);
  // Whether any is under way.
  bool is_discarding() const noexcept { return !discards_.empty() || unlisted_discards_ != 0; }
  // Keeps `domain` until no discard is under way: one of them may still drop frames in its memory.
  // Call it in a discard.
  void retain(PythonDomain& domain);
  // Call it before `tealet` is discarded, because the discards that run in it never end. Returns
  // whether they were discarding domains: then discard_orphaned() discards these domains again.
  bool cancel_discards_in(const Node& tealet);
  // Call it before `tealet` is discarded while it runs: a domain may have been entered from it.
  void forget_running(const Node& tealet) noexcept;
  // Ends the orphaned domains, without unwinding.
  void discard_orphaned();
  // Ends all domains without unwinding, when the thread state is cleared.
  void discard_all();
  // Called instead when the interpreter ends: the domains live until the process ends. Objects that
  // are freed later may still drop tealets and mains, which then run no code.
  void detach_from_thread();
  // The farthest place on the C stack at which a tealet of this thread has begun, or will begin if
  // it is a stub. `unbounded` after note_greenlet().
  const char* highest_far() const noexcept { return highest_far_; }
  void note_far(const char* far) noexcept {
    if (far <= farthest_begin_) return;
    farthest_begin_ = far;
    if (far > highest_far_) highest_far_ = far;
  }
  // The same, and no other value after note_greenlet().
  const char* farthest_begin() const noexcept { return farthest_begin_; }
  // greenlet is loaded. It moves all of the C stack, that of a paused main tealet too.
  void note_greenlet() noexcept { highest_far_ = tealet::core::unbounded; }
  bool expects_greenlet() const noexcept { return highest_far_ == tealet::core::unbounded; }
  std::uint64_t thread_state() const noexcept { return thread_state_; }
  // Whether discard_all() has begun: no tealet is unwound any more.
  bool is_ending() const noexcept { return is_ending_; }

  ThreadDomains* next_ending = nullptr;  // in the list of those whose thread state is being cleared

 private:
  struct Discard {
    int number;
    const Node* tealet;  // in which it runs; nullptr while the thread ends
  };

  PythonDomain* outermost() const noexcept;
  bool is_retained(const PythonDomain& domain) const noexcept;
  // Returns how many there were.
  template <class Predicate>
  std::size_t erase_discards(Predicate is_over);

  tealet::core::LinkedList<PythonDomain, &PythonDomain::neighbours> open_;  // the newest first
  PythonDomain* retained_ = nullptr;  // owns a reference to the main object of each
  std::vector<Discard> discards_;     // those under way
  int last_discard_ = 0;
  int unlisted_discards_ = 0;  // under way too, but there was no memory to list them
  int discarded_ = 0;          // number of domains that were discarded, for the warning
  bool is_ending_ = false;
  bool may_have_pending_ = false;  // for domains that are opened later
  std::uint64_t thread_state_ = thread_state_id(PyThreadState_Get());
  const char* farthest_begin_ = nullptr;
  const char* highest_far_ = nullptr;
};

}  // namespace tealetpp
