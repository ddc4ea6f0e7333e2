// The Python objects for tealets, and what ties them to the engine.
//
// pybind11 makes the types; the objects are laid out here, in one block each, because there may be
// a million of them. All methods and slots are plain entries of the type and not functions that
// pybind11 dispatches: its dispatcher keeps a per-thread list on the C stack that must be left in
// the order in which it was entered, and a switch in between would break that order. It also
// catches the unwinding that guarded.hpp keeps away.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstdint>

#include "core/domain.hpp"
#include "port/compiler.hpp"
#include "python/census.hpp"
#include "python/execution.hpp"
#include "python/tealet_list.hpp"

namespace tealetpp {

namespace py = pybind11;
using tealet::Errc;
using tealet::Stats;
using tealet::Status;
using tealet::core::code_of;
using tealet::core::Message;
using tealet::core::Node;
using tealet::core::Signal;

class PythonDomain;
class ThreadDomains;
struct TealetObject;

// Whether is_on_another_stack() may hold for some tealet of an idle domain.
bool may_be_on_another_stack(PythonDomain& domain);

// The C++ value of a Python Tealet, as pybind11 sees it.
struct Tealet {
  static constexpr int place_bits = 27;

  Node* node;             // nullptr once it has ended
  PythonDomain* domain;   // nullptr if it was never initialised
  TealetObject* main;     // strong, except in the main tealet itself
  TealetObject* parent;   // strong while the node exists; nullptr for main
  std::uint32_t exiting;  // number of the last TealetExit raised in it; 0 if none is in flight
  // Packed, for there may be a million of them.
  std::uint32_t missed_exit : 1;  // its last TealetExit came where nothing can be raised
  // Of one to which its domain owns a reference: see PythonDomain::hold().
  std::uint32_t place : place_bits;  // in its TealetList
  std::uint32_t held : 1;            // the domain owns a reference
  std::uint32_t pending : 1;         // it is to be ended at the next occasion
  std::uint32_t must_end : 1;        // then it is ended whoever refers to it
  std::uint32_t ending : 1;          // what waits is being ended, and this one's turn has come
};

// The same of a Python Main: a type of its own, for pybind11 tells types apart by it.
struct Main : Tealet {};

// The Python object: what pybind11 keeps per object, and the value right behind it.
struct TealetObject {
  py::detail::instance base;
  Main value;

  PyObject* object() noexcept { return reinterpret_cast<PyObject*>(this); }
  Node* node() const noexcept { return value.node; }
  PythonDomain& domain() const noexcept { return *value.domain; }
  bool is_main() const noexcept { return value.main == this; }
};

inline TealetObject* as_tealet(PyObject* object) noexcept {
  return reinterpret_cast<TealetObject*>(object);
}
inline TealetObject* object_of(const Node& node) noexcept {
  return static_cast<TealetObject*>(node.binding);
}
inline Execution& execution_of(Node& node) noexcept {
  return *static_cast<Execution*>(node.extra());
}

// The outermost entry of the chain of handled exceptions while `running` runs: a tealet, or what
// stands for none.
inline const _PyErr_StackItem* handled_by(const PyThreadState* thread, Node& running) noexcept {
  return running.domain() != nullptr ? &execution_of(running).handled : &thread->exc_state;
}

extern PyTypeObject* tealet_type;
extern PyTypeObject* main_type;

// The arguments for the function of a tealet that is about to begin; borrowed, or owned by its
// Execution.
struct Call {
  PyObject* const* arguments = nullptr;
  Py_ssize_t count = 0;
  PyObject* keywords = nullptr;  // a tuple of names whose values follow the arguments
};

// A domain whose tealets run Python.
class PythonDomain : public tealet::core::Domain {
 public:
  explicit PythonDomain(std::size_t limit);
  ~PythonDomain();

  // Whether it can be used here and now, and `target` too. Sets an exception if not.
  bool check() { return TEALET_LIKELY(is_usable_fast()) || check_slow(); }
  bool check(TealetObject* target);
  // The same as a code; nothing is said of a collection.
  Errc usable();
  bool can_switch();
  bool is_on_its_thread() const noexcept {
    return thread_state_id(PyThreadState_Get()) == thread_state;
  }
  // Whether it was opened in a tealet.
  bool is_nested() const noexcept { return nesting().outer() != nullptr || nesting().orphaned(); }

  // Ends what waits on this thread, if anything does. Called where any code may run.
  void end_pending() {
    if (TEALET_UNLIKELY(may_have_pending)) end_pending_on_thread();
  }
  // Whether a switch away from the running tealet now, which lets go of it, runs no other code.
  bool receives_quietly() const noexcept {
    return !may_have_pending &&
           (current_object == main_object || Py_REFCNT(current_object->object()) > 1);
  }
  // Owns a reference to `tealet`, to which nobody else may refer. With `pending` it is ended at the
  // next occasion; without, it is being ended, or has refused.
  void hold(TealetObject* tealet, bool pending);
  // Gives up that reference, if there is one. This may free `tealet`.
  void release_held(TealetObject* tealet);
  // At the next occasion, ends `tealet`, whoever refers to it; if it is main, closes the domain.
  void end_later(TealetObject* tealet);
  // Takes end_later() of main back.
  void forget_to_close();
  // Ends what waits here. The domain can be used here and now.
  void end_own_pending();
  bool has_pending() const noexcept { return closes_later_ || !pending_.is_empty(); }
  // Whether it must be closed, and that cannot be done on this C stack.
  bool closes_elsewhere() { return closes_later_ && may_be_on_another_stack(*this); }

  // A first data-stack chunk for the function, out of the domain's memory; false if there is none.
  bool make_data_stack(Execution& execution);
  void free_data_stack(Execution& execution);
  // The function of `execution` needs this many words; or, if 0, more than it had.
  void learn_words(const Execution& execution, std::size_t words);

  TealetObject* main_object = nullptr;     // borrowed
  TealetObject* current_object = nullptr;  // strong, unless it is main
  // While discard_domain() is at work, which may be reached again, or may never return:
  TealetObject* former_current = nullptr;  // what was the current one, as strong
  const Node* discarded_in = nullptr;      // the tealet in which it is; never null then
  Call call;
  std::uint64_t thread_state = 0;   // its number
  PyThreadState* thread = nullptr;  // current whenever check() holds; nullptr once Python ends
  bool closing = false;
  bool tools_wait = false;        // resumed, and trace functions are to be told of it
  bool reparenting = false;       // the engine is changing the tree: nothing may switch
  bool may_have_pending = false;  // something waits on this thread
  // Among the open domains of its thread.
  ThreadDomains* on_thread = nullptr;
  PythonDomain* opened_before = nullptr;
  PythonDomain* opened_after = nullptr;
  PythonDomain* retained_before = nullptr;  // see ThreadDomains::keep()

 private:
  bool is_usable_fast() const noexcept;
  bool check_slow();
  void end_pending_on_thread();
  TealetObject* next_to_end();
  TealetList& list_of(const TealetObject* held) noexcept {
    return held->value.pending ? pending_ : asked_;
  }

  // What it holds: those that wait for their end; those that are being ended, or have refused.
  TealetList pending_;
  TealetList asked_;
  bool closes_later_ = false;  // and so it owns a reference to its Main
  // How many words of data stack functions turned out to need beyond their own frame, by a hash of
  // their code: only a hint, so that a collision does no harm.
  std::array<std::uint16_t, 256> more_words_{};
  CensusEntry census_entry_{*this};
};

// The domain's own references: to the running tealet, and to parents. Main is not counted, or it
// could never lose its last reference.
inline void refer(TealetObject* tealet) {
  if (!tealet->is_main()) Py_INCREF(tealet->object());
}
inline void unrefer(TealetObject* tealet) {
  if (!tealet->is_main()) Py_DECREF(tealet->object());
}

// --- switching.cpp: nothing here may be called from a function that pybind11 dispatches ---

// Hands `out` over to `target` and returns the value passed by the next switch back: a new
// reference, or nullptr with an exception set. Consumes the reference in `out`, also on failure.
PyObject* transfer_to(TealetObject* target, Message out);
// Whether a tealet is new or a stub, and can be switched to. Sets an exception if not.
bool can_begin(TealetObject* target);
// Begins a tealet that can_begin(), whose function is set, with these arguments.
PyObject* start(TealetObject* target, PyObject* const* arguments, Py_ssize_t count,
                PyObject* keywords);
// Raises TealetExit in a paused tealet. `result` is the value passed by the next switch back, as
// with exchange(). If it is not ok nothing has switched; no exception is set then. The caller must
// end_pending().
Errc unwind(TealetObject* target, PyObject*& result);
// Of `running` and the tealets that its domain lies in, the one in which TealetExit was raised
// last; `running` if in none.
TealetObject* latest_to_exit(TealetObject* running);
// Whether a paused tealet cannot be resumed here, since another library has switched C stacks.
bool is_on_another_stack(PythonDomain& domain, const Node& node);
// Whether one that waits for its end can be resumed here, for certain. While another tealet runs,
// only what main has on the C stack could tell, so then it may have to wait for main.
bool can_end_here(PythonDomain& domain, const Node& node);

// --- lifetime.cpp: nor may this ---

// A Tealet object without a node; nullptr with an exception set. It may collect garbage, and that
// may run any code, so it comes before the node, which nobody could find without its object.
TealetObject* new_object();
// Ties a new object to a new node. Returns the object.
PyObject* bind(TealetObject* tealet, PythonDomain& domain, Node& node);
// Ends a tealet and returns then; false with an exception set.
bool close_tealet(TealetObject* tealet);
// Ends a tealet that nobody can reach any more. If it cannot be ended now, or refuses, its domain
// holds it.
void end_unreachable(TealetObject* tealet);
// Ends a tealet without unwinding: one that has not begun, or can never be resumed. Drops what its
// frames own. On any thread.
void discard_tealet(TealetObject* tealet);
// Opens the domain of a Main object. False with an exception set.
bool open_domain(TealetObject* main, std::size_t limit);
// Ends every tealet, then the domain. False with the first exception set.
bool close_domain(TealetObject* main);
// Ends every tealet and the domain without unwinding. On any thread.
void discard_domain(PythonDomain& domain);

}  // namespace tealetpp
