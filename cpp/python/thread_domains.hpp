// The open domains of a Python thread, and the occasions to end what waits in them.
//
// A tealet can be ended only on its own thread, and a collection, the last reference, or a dropped
// generator may come on any. What cannot be ended at once waits in its domain for the next
// occasion: the thread's next switch, creation or closing of a tealet, in whichever of its domains.
// The main thread has one more, for domains whose main tealet runs: a pending call of the
// interpreter.
#pragma once

#include <cstdint>
#include <vector>

#include "python/python_domain.hpp"

namespace tealetpp {

class ThreadDomains {
 public:
  // Those of the running thread; nullptr with an exception set.
  static ThreadDomains* of_this_thread();

  void add(PythonDomain& domain);
  void remove(PythonDomain& domain);

  // Something waits in one of these domains.
  void expect_pending();
  // Ends what waits and can be ended here and now. Any code may run.
  void end_pending();
  // The same from a pending call of the interpreter, and only while no tealet runs: one that is
  // ended without unwinding would leave the interpreter in the middle of that call for ever.
  void end_pending_in_call();
  // What had to wait for the end of a collection can be ended soon.
  static void collection_ended();

  // Of the domains that can be used here and now, the one opened last; nullptr if there is none.
  PythonDomain* innermost();
  // Tells the engine which tealet runs: another library may have switched C stacks.
  void correct_running();

  // Around what drops frames without unwinding. A domain that keep() is called for in between is
  // freed after the last end_discarding(): the frames may be those of one of its tealets. The
  // number is for end_discarding(). What is dropped may switch, so they end in any order, or never.
  int begin_discarding() noexcept;
  void keep(PythonDomain& domain);
  void end_discarding(int number);
  // `tealet` is to be discarded, and what it is in the middle of discarding does not end. Whether
  // domains are among that: discard_orphaned() then begins with them again.
  bool forget_discarding(const Node& tealet);
  // Ends those whose tealet is gone, without unwinding.
  void discard_orphaned();
  // The thread's state goes: ends all of them, without unwinding.
  void end();
  // The same when the interpreter ends: what is left goes with the process. Its last objects may
  // still drop tealets and mains, but nothing runs any more.
  void abandon();
  std::uint64_t thread_state() const noexcept { return thread_state_; }
  // Whether end() is at work: nothing unwinds any more.
  bool ends() const noexcept { return ends_; }

  ThreadDomains* next_ending = nullptr;  // among those whose thread state goes

 private:
  PythonDomain* outermost() const noexcept;

  PythonDomain* last_opened_ = nullptr;
  PythonDomain* retained_ = nullptr;  // and a reference to the Main of each
  struct Discard {
    int number;
    const Node* tealet;  // that runs it
  };
  std::vector<Discard> discards_;
  int last_discard_ = 0;
  int unlisted_discards_ = 0;  // for which there was no memory
  int discarded_ = 0;          // domains, in all: the warning counts them
  bool ends_ = false;
  bool some_wait_ = false;  // something may wait: add() tells new domains
  std::uint64_t thread_state_ = thread_state_id(PyThreadState_Get());
};

}  // namespace tealetpp
