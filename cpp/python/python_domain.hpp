// A domain whose tealets run Python.
#pragma once

#include <cstddef>
#include <cstdint>

#include "port/compiler.hpp"
#include "python/all_domains.hpp"
#include "python/first_call.hpp"
#include "python/python_hooks.hpp"
#include "python/python_tealet.hpp"
#include "python/shared_data_stack.hpp"
#include "python/tealet_list.hpp"

namespace tealetpp {

class ThreadDomains;

class PythonDomain : public tealet::core::Domain {
 public:
  PythonDomain(const PythonHooks& hooks, std::size_t limit);
  ~PythonDomain();

  // Whether it can be used here and now, and `target` too. Sets an exception if not.
  bool is_ready() { return TEALET_LIKELY(is_usable_fast()) || is_ready_slow(); }
  bool is_ready(const Tealet* target);
  // The same as a code; ignores collections.
  Errc usable();
  // Whether the domain is usable() and no collection runs on this thread.
  bool can_switch();
  bool is_on_its_thread() const noexcept {
    return thread_state_id(PyThreadState_Get()) == thread_state;
  }
  // Whether it was opened in a tealet.
  bool is_nested() const noexcept {
    return nesting().enclosing_tealet() != nullptr || nesting().orphaned();
  }

  // The tealet that runs, or ran last if the domain is idle in a paused tealet. nullptr once the
  // domain is being discarded.
  Node* current_or_null() noexcept { return former_current == nullptr ? &current() : nullptr; }
  bool main_runs() const noexcept {
    return former_current == nullptr ? current().is_main() : former_current == main_tealet;
  }

  // Ends what is pending on this thread. Called before the running tealet does anything else, where
  // any code may run. False with an exception set if that came from another tealet meanwhile: the
  // caller must raise it, and do nothing.
  bool end_pending() { return TEALET_LIKELY(!may_have_pending) || end_pending_on_thread(); }
  // The same where nothing can be raised.
  void end_pending_and_report();
  // Takes a reference to `tealet`, perhaps the only one. With `pending` it is ended at the next
  // safe point; without, it is being ended, or has refused.
  void hold(Tealet* tealet, bool pending);
  // Releases that reference, if there is one. This may free `tealet`.
  void release_held(Tealet* tealet);
  // Ends `tealet` at the next safe point, even if the program refers to it. Main: closes the
  // domain.
  void end_later(Tealet* tealet);
  // Cancels an end_later() of main.
  void cancel_close();
  // Ends what is pending here, as end_pending() does. The domain can be used here and now.
  bool end_own_pending();
  bool has_pending() const noexcept { return close_is_pending_ || !pending_.is_empty(); }
  // Whether it must be closed, and that cannot be done on this C stack.
  bool must_close_elsewhere();

#if TEALET_CHECKS
  // Aborts if an invariant of the engine, or of what ties objects to it, is broken. May throw
  // std::bad_alloc.
  void verify();
#endif

  // The domain's own references: to the running tealet, and to parents. Main is not counted, or it
  // could never lose its last reference.
  void refer(Tealet* tealet) noexcept {
    if (tealet != main_tealet) Py_INCREF(tealet->object);
  }
  void unrefer(Tealet* tealet) {
    if (tealet != main_tealet) Py_DECREF(tealet->object);
  }
  // Drops the reference to the tealet that was running before a switch. If it was the last one to a
  // paused tealet, that is pending: nothing may switch before the message has been delivered.
  void unrefer_left(Tealet* left) {
    if (left == main_tealet) return;
    if (TEALET_UNLIKELY(Py_REFCNT(left->object) == 1)) hold_if_paused(left);
    Py_DECREF(left->object);
  }

  Tealet* main_tealet = nullptr;     // borrowed
  Tealet* current_tealet = nullptr;  // strong, unless it is main
  // For discard_domain(), which may be called again while it runs, and may never return:
  Tealet* former_current = nullptr;    // current_tealet before that, with its reference
  const Node* discarded_in = nullptr;  // the tealet in which it runs; nullptr once cancelled
  Call call;                           // of the tealet that is about to begin
  // The tealet that ended last, and who received its result. They may be freed: for comparison only
  const Tealet* last_ended = nullptr;
  const Node* last_receiver = nullptr;
  // What end_unreachable() leaves for end_own_pending(); strong, an exception.
  PyObject* interruption = nullptr;
  // While a tealet runs: no tealet that began farther away can be resumed. See note_reach().
  const char* reach = tealet::core::unbounded;
  std::uint64_t thread_state = 0;   // its number
  PyThreadState* thread = nullptr;  // current whenever is_ready(); nullptr once Python ends
  bool closing = false;
  bool tools_to_notify = false;   // resumed, and trace functions must be notified
  bool reparenting = false;       // the engine is changing the tree: nothing may switch
  bool may_have_pending = false;  // something is pending on this thread
  // Among the open domains of its thread.
  ThreadDomains* on_thread = nullptr;
  tealet::core::Links<PythonDomain> neighbours;
  PythonDomain* retained_before = nullptr;  // see ThreadDomains::retain()
  std::uintptr_t monitoring_version = 0;    // when it last switched; see layout.hpp
  std::size_t object_bytes = 0;             // of its tealets' objects, ended ones too
  SharedDataStack data_stack{*this};
  const PythonHooks& python_hooks;
  const std::uint64_t number;  // no other domain of the process ever has it

 private:
  bool is_usable_fast() const noexcept;
  bool is_ready_slow();
  bool end_pending_on_thread();
  void hold_if_paused(Tealet* left);
  Tealet* next_to_end();
  TealetList& list_of(const Tealet* held) noexcept { return held->pending ? pending_ : attempted_; }

  // What it holds: those that are pending; those that are being ended, or have refused.
  TealetList pending_;
  TealetList attempted_;
  bool close_is_pending_ = false;  // and so it owns a reference to its Main
  DomainEntry entry_{*this};
};

inline bool Tealet::is_main() const noexcept { return domain->main_tealet == this; }
// The object of its main tealet, borrowed: `tealet` owns a reference, unless it is main itself. It
// must have been initialised.
inline PyObject* main_object_of(const Tealet* tealet) noexcept {
  return tealet->domain->main_tealet->object;
}

}  // namespace tealetpp
