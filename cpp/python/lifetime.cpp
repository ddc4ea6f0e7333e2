#include "python/lifetime.hpp"

#include <new>
#include <utility>

#include "core/check.hpp"
#include "core/thread_context.hpp"
#include "port/compiler.hpp"
#include "python/exceptions.hpp"
#include "python/foreign_stack.hpp"
#include "python/paused_frames.hpp"
#include "python/python_costs.hpp"
#include "python/python_domain.hpp"
#include "python/switching.hpp"
#include "python/thread_domains.hpp"

namespace tealetpp {

void bind(Tealet* tealet, PythonDomain& domain, Node& node) {
  TEALETPP_CHECK(tealet->domain == nullptr && tealet->object != nullptr);
  TEALETPP_CHECK(node.domain() == &domain && !is_bound(node));
  TEALETPP_CHECK(node.parent != nullptr && is_bound(*node.parent));
  if (node.far != nullptr) domain.on_thread->note_far(node.far);  // a stub
  tealet->node = &node;
  tealet->domain = &domain;
  Py_INCREF(domain.main_tealet->object);
  tealet->parent = tealet_of(*node.parent);
  domain.refer(tealet->parent);
  node.binding = tealet;
  domain.object_bytes += object_bytes_of(tealet->object);
}

void discard_tealet(Tealet* tealet) {
  TEALETPP_CHECK(tealet->node != nullptr && !tealet->is_main());
  TEALETPP_CHECK(tealet->domain->on_thread != nullptr);
  PythonDomain& domain = *tealet->domain;
  ThreadDomains& thread = *domain.on_thread;
  Node& node = *tealet->node;
  Py_INCREF(tealet->object);
  // Nothing on its stack ever returns. Domains that it was discarding are discarded again below.
  const bool leaves_some = thread.cancel_discards_in(node);
  const int discard = thread.begin_discarding();
  const bool hosts = node.hosts;
  const bool runs = &node == &domain.current();
  SavedFrames* const saved = runs ? nullptr : domain.data_stack.end_paused(node);
  Execution left = std::exchange(execution_of(node), Execution{});
  if (runs) {
    // Its frames are not its own to drop: its thread has ended, or they are frames of the paused
    // tealet that encloses the domain. They lie in memory of this domain. So the domain must
    // outlive that tealet.
    left.paused_frame = nullptr;
    domain.data_stack.free(std::exchange(left.saved_frames, nullptr));
    // greenlet may have switched away from it. Then it frees the chunks when the thread ends.
    domain.data_stack.abandon_running(domain.thread, thread.is_ending() && has_greenlet());
    thread.retain(domain);
    thread.forget_running(node);
  } else if (hosts && saved != nullptr) {
    // If a tealet of an inner domain runs inside this one, the inner main owns the frames of this
    // one, and drops them when it is discarded.
    domain.data_stack.keep(saved);
    thread.retain(domain);
  }
  // From here on it cannot be resumed.
  domain.discard(node);
  drop_paused(left);
  if (!hosts) domain.data_stack.free_ended(saved);
  // Domains that were opened in it can never be used again.
  if (hosts || leaves_some) thread.discard_orphaned();
  thread.end_discarding(discard);
  domain.release_held(tealet);
  Py_DECREF(tealet->object);
}

namespace {

// How often an exit is raised in a tealet that misses it, before that counts as refusing to end. An
// exit is missed if it is raised in a destructor, where no exception can propagate.
constexpr int most_missed_exits = 100;

// Whether what the running tealet has just received did not come from `ended`, which it is ending.
bool came_from_another(const Tealet* ended) noexcept {
  PythonDomain& domain = *ended->domain;
  if (ended->node != nullptr) return domain.previous() != ended->node;
  return domain.last_ended != ended || domain.last_receiver != &domain.current();
}

// What the running tealet must raise if `result` came from another tealet while it was ending the
// pending `ended`: an exception, or that a value was lost. Consumes `result`, or if that is nullptr
// the exception that is set. nullptr for None.
PyObject* interruption_of(const Tealet* ended, PyObject* result) {
  if (result == nullptr) return take_raised();
  if (result != Py_None) {
    const PythonDomain& domain = *ended->domain;
    PyErr_Format(domain.python_hooks.error,
                 "%R received %R while it was ending %R, which had been dropped: the call was not "
                 "made",
                 domain.current_tealet->object, result, ended->object);
  }
  Py_DECREF(result);
  return take_raised();
}

// Ends a tealet that does not run and is not main. Its domain must be ready. False with an
// exception set. With `interruption`, what another tealet sends meanwhile is left there.
bool end_tealet(Tealet* tealet, PyObject** interruption) {
  PythonDomain& domain = *tealet->domain;
  TEALETPP_CHECK(tealet->node != nullptr && !tealet->is_main());
  TEALETPP_CHECK(tealet != domain.current_tealet);
  if (tealet->node->status != Status::Suspended || domain.on_thread->is_ending()) {
    discard_tealet(tealet);
    return true;
  }
  Py_INCREF(tealet->object);
  bool closed = false;
  Errc code = Errc::ok;
  for (int missed = 0; missed < most_missed_exits; ++missed) {
    PyObject* result = nullptr;
    code = unwind(tealet, result);
    if (interruption != nullptr && code == Errc::ok && came_from_another(tealet)) {
      *interruption = interruption_of(tealet, result);
      closed = true;
      break;
    }
    closed = result != nullptr;
    Py_XDECREF(result);
    if (!closed || tealet->node == nullptr || !tealet->missed_exit) break;
    tealet->missed_exit = false;
    if (!domain.can_switch() || tealet->node->status != Status::Suspended) break;
  }
  if (code != Errc::ok) {
    set_error(code, tealet);
  } else if (tealet->node != nullptr) {
    tealet->exiting = 0;
    tealet->missed_exit = false;
    if (closed) set_error(Errc::refused, tealet);
    closed = false;
  }
  Py_DECREF(tealet->object);
  return closed;
}

// Ends a tealet that is not main, and what becomes pending meanwhile. False with an exception set.
bool end_here(Tealet* tealet) {
  PythonDomain& domain = *tealet->domain;
  if (tealet->node == nullptr) return true;
  if (!domain.is_ready()) return false;
  if (tealet == domain.current_tealet) {
    PyErr_SetNone(domain.python_hooks.exit);
    return false;
  }
  const bool closed = end_tealet(tealet, nullptr);
  domain.end_pending_and_report();
  return closed;
}

}  // namespace

bool close_tealet(Tealet* tealet) {
  if (tealet->node == nullptr) return true;
  if (tealet->is_main()) return close_domain(tealet);
  return tealet->domain->end_pending() && end_here(tealet);
}

namespace {

// Whether too little of the C stack is left to drop a tealet here. Dropping nests if tealets are
// owned by each other's functions. On any thread.
TEALETPP_NOINLINE bool is_stack_exhausted(const PythonDomain& domain) noexcept {
  if (domain.is_on_its_thread()) return domain.check_stack_space() != Errc::ok;
  return TEALETPP_FRAME_ADDRESS() <= tealet::port::usable_stack_of_this_thread().lowest_start;
}

}  // namespace

std::uint32_t latest_exit(const PythonDomain& domain) noexcept {
  return latest_to_exit(domain.current_tealet)->exiting;
}

void report(const PythonDomain& domain, std::uint32_t exits_before, PyObject* where) {
  Tealet* const exiting = latest_to_exit(domain.current_tealet);
  if (exiting->exiting != exits_before && PyErr_ExceptionMatches(domain.python_hooks.exit) != 0) {
    // The code that ran has raised an exit meant for `exiting`. It cannot propagate from here, so
    // end_tealet() raises another one when that tealet has paused.
    exiting->missed_exit = true;
    PyErr_Clear();
  } else {
    PyErr_WriteUnraisable(where);
  }
}

void end_unreachable(Tealet* tealet) {
  PythonDomain& domain = *tealet->domain;
  if (domain.reparenting) {
    // The engine is changing the tree and may still use its node.
    domain.hold(tealet, true);
    return;
  }
  if (tealet->node == nullptr) return;
  PyObject* raised = take_raised();
  PyObject* interruption = nullptr;
  const Node& node = *tealet->node;
  const bool paused = node.status == Status::Suspended;
  if (&node == &domain.current()) {
    // It runs, so it is not to be ended.
  } else if (paused ? !domain.can_switch() || is_on_another_stack(domain, node)
                    : is_stack_exhausted(domain)) {
    domain.hold(tealet, true);
  } else {
    const std::uint32_t exits_before = latest_exit(domain);
    if (!end_tealet(tealet, tealet->ending ? &interruption : nullptr)) {
      report(domain, exits_before, tealet->object);
    }
    if (tealet->node != nullptr) domain.hold(tealet, false);
    // If `ending` is set, end_own_pending() called this and does the rest. The code that ran may
    // have closed the domain.
    if (domain.is_open() && !tealet->ending) domain.end_pending_and_report();
  }
  set_raised(raised);
  TEALETPP_CHECK(domain.interruption == nullptr);
  domain.interruption = interruption;  // no code runs until the loop takes it
}

namespace {

// Sets the exception for a domain that could not be opened. Names the bytes that it needs if its
// limit is the reason.
void set_open_error(PythonDomain& domain) {
  const std::size_t limit = domain.memory().limit();
  domain.memory().set_limit(tealet::CountingAllocator::no_limit);
  if (domain.open(sizeof(Execution)) != Errc::ok) {
    PyErr_NoMemory();
    return;
  }
  const std::size_t needed = domain.memory().bytes_from_upstream();
  domain.close();
  if (needed > limit) {
    PyErr_Format(PyExc_MemoryError,
                 "a memory limit of %zu bytes is too low: a domain alone takes %zu", limit, needed);
  } else {
    PyErr_NoMemory();
  }
}

}  // namespace

bool open_domain(Tealet* main, const PythonHooks& hooks, std::size_t limit) {
  TEALETPP_CHECK(main->domain == nullptr && main->object != nullptr);
  ThreadDomains* const domains = ThreadDomains::of_this_thread();
  if (domains == nullptr) return false;
  if (tealet::core::this_thread != nullptr) domains->correct_running();
  auto* domain = new (std::nothrow) PythonDomain(hooks, limit);
  if (domain == nullptr || domain->open(sizeof(Execution)) != Errc::ok) {
    if (domain == nullptr) {
      PyErr_NoMemory();
    } else {
      set_open_error(*domain);
    }
    delete domain;
    return false;
  }
  domains->add(*domain);
  if (has_greenlet()) domains->note_greenlet();
  domain->thread_state = domains->thread_state();
  domain->thread = PyThreadState_Get();
  domain->main_tealet = domain->current_tealet = main;
  domain->main().binding = main;
  main->node = &domain->main();
  main->domain = domain;
  domain->object_bytes = object_bytes_of(main->object);
  return true;
}

namespace {

// Closes a domain that has no tealets left.
void finish(PythonDomain& domain) {
  TEALETPP_CHECK(domain.main().children.is_empty());
  ThreadDomains* const domains = domain.on_thread;
  domain.close();
  domains->remove(domain);
  domain.cancel_close();
}

}  // namespace

bool close_domain(Tealet* main) {
  PythonDomain& domain = *main->domain;
  if (!domain.is_open()) return true;
  if (!domain.is_ready()) return false;
  if (!domain.current().is_main()) {
    PyErr_Format(domain.python_hooks.invalid_error,
                 "%R can be closed by its main tealet only, not by %R", main->object,
                 domain.current_tealet->object);
    return false;
  }
  if (domain.closing) {
    PyErr_Format(domain.python_hooks.invalid_error, "%R is being closed already", main->object);
    return false;
  }
  domain.closing = true;
  domain.memory().set_limit(tealet::CountingAllocator::no_limit);
  // What is pending must not be ended while another tealet unwinds: that would not.
  PyObject* raised = domain.end_pending() ? nullptr : take_raised();
  // Each search begins at the parent of the last tealet: the path from the root may be long.
  Tealet* above = main;
  Py_INCREF(above->object);
  while (!domain.main().children.is_empty()) {
    Node& top = above->node != nullptr ? *above->node : domain.main();
    Tealet* tealet = tealet_of(domain.newest_leaf(top));
    Py_INCREF(tealet->object);
    Py_INCREF(tealet->parent->object);
    Py_DECREF(std::exchange(above, tealet->parent)->object);
    if (!end_here(tealet)) {
      if (raised == nullptr) {
        raised = take_raised();
      } else {
        PyErr_WriteUnraisable(tealet->object);
      }
    }
    // It has refused to end.
    if (tealet->node != nullptr) discard_tealet(tealet);
    domain.release_held(tealet);
    Py_DECREF(tealet->object);
  }
  Py_DECREF(above->object);
  domain.end_pending_and_report();
  finish(domain);
  set_raised(raised);
  return raised == nullptr;
}

void discard_domain(PythonDomain& domain) {
  TEALETPP_CHECK(domain.is_open() && domain.on_thread != nullptr);
  domain.closing = true;
  // In the child of a fork, this thread may never have opened a domain.
  const Node* const runs = tealet::core::running_tealet;
  domain.discarded_in = runs != nullptr ? runs : &domain.main();
  if (domain.former_current == nullptr) {
    Py_INCREF(domain.main_tealet->object);
    // If its thread has ended, a tealet of this domain may have been running then, or the one that
    // encloses the domain.
    domain.former_current = std::exchange(domain.current_tealet, domain.main_tealet);
  }
  while (!domain.main().children.is_empty()) {
    discard_tealet(tealet_of(domain.newest_leaf(domain.main())));
  }
  Tealet* const current = std::exchange(domain.former_current, domain.main_tealet);
  domain.unrefer(current);
  if (current != domain.main_tealet && domain.is_nested()) {
    drop_paused(execution_of(domain.main()));
  }
  finish(domain);
  Py_DECREF(domain.main_tealet->object);
}

void free_domain_of(Tealet* main) {
  PythonDomain* const domain = main->domain;
  if (domain == nullptr) return;
  // Every other tealet would own a reference to main, so there is none. Nothing has to be unwound,
  // and any thread can close the domain.
  if (domain->is_open()) {
    TEALETPP_CHECK(domain->main().children.is_empty());
    Py_SET_REFCNT(main->object, 1);
    discard_domain(*domain);
    Py_SET_REFCNT(main->object, Py_REFCNT(main->object) - 1);
  }
  delete domain;
}

}  // namespace tealetpp
