// The open domains of a Python thread, and the safe points at which they end pending tealets.
//
// A tealet can be ended on its own thread only, but it may be collected or dropped on any. If it
// cannot be ended at once, it is pending in its domain until the next safe point: the thread's next
// switch, creation or closing of a tealet, in any of its domains. The main thread has one more, for
// domains whose main tealet runs: a pending call of the interpreter.
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

  // To be called when something becomes pending in one of these domains.
  void expect_pending();
  // Ends what is pending and can be ended here and now. Any code may run.
  void end_pending();
  // The same in a pending call of the interpreter, and only while no tealet runs. A tealet that is
  // ended without unwinding would leave the interpreter in the middle of that call for ever.
  void end_pending_in_call();
  // Repeats a pending call that came during the collection.
  static void collection_ended();

  // Of the domains that can be used here and now, the one opened last; nullptr if there is none.
  PythonDomain* innermost();
  // Tells the engine which tealet runs: another library may have switched C stacks.
  void correct_running();

  // Around code that drops frames without unwinding. A domain for which keep() is called in between
  // is freed after the last end_discarding(): the frames may be those of one of its tealets. The
  // code may switch, so discards end in any order, or never; the number is for end_discarding().
  int begin_discarding() noexcept;
  void keep(PythonDomain& domain);
  void end_discarding(int number);
  // `tealet` is to be discarded, so the discards that it runs never end. Returns whether it was
  // discarding domains: discard_orphaned() then begins with them again.
  bool forget_discarding(const Node& tealet);
  // Ends the domains whose tealet is gone, without unwinding.
  void discard_orphaned();
  // To be called when the thread state is cleared: ends all domains, without unwinding.
  void end();
  // The same when the interpreter ends, which leaves all to the end of the process. The last
  // objects may still drop tealets and mains, but no code runs any more.
  void abandon();
  std::uint64_t thread_state() const noexcept { return thread_state_; }
  // Whether end() has begun: nothing unwinds any more.
  bool ends() const noexcept { return ends_; }

  ThreadDomains* next_ending = nullptr;  // among those whose thread state is being cleared

 private:
  PythonDomain* outermost() const noexcept;

  PythonDomain* last_opened_ = nullptr;
  PythonDomain* retained_ = nullptr;  // owns a reference to the main object of each
  struct Discard {
    int number;
    const Node* tealet;  // runs it
  };
  std::vector<Discard> discards_;
  int last_discard_ = 0;
  int unlisted_discards_ = 0;  // for which there was no memory
  int discarded_ = 0;          // domains in all, for the warning
  bool ends_ = false;
  bool some_wait_ = false;  // something may be pending: add() tells new domains
  std::uint64_t thread_state_ = thread_state_id(PyThreadState_Get());
};

}  // namespace tealetpp
