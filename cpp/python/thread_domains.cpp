#include "python/thread_domains.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "core/check.hpp"
#include "core/thread_context.hpp"
#include "python/collector.hpp"
#include "python/exceptions.hpp"
#include "python/guarded.hpp"
#include "python/lifetime.hpp"

namespace tealetpp {

namespace {

// The name of a capsule in the dictionary of the thread state. CPython clears the dictionary with
// the thread state, which runs the capsule's destructor.
constexpr const char* name = "tealetpp.domains";

// Its key in that dictionary, borrowed; nullptr with an exception set. Each module with a copy of
// this code has a key of its own.
PyObject* key() {
  static PyObject* object = nullptr;
  if (object == nullptr) object = PyUnicode_FromFormat("%s at %p", name, &object);
  return object;
}

// A list of the ThreadDomains whose thread state is being cleared. They cannot be found through the
// dictionary any more. Clearing drops objects, which may run any code: so there may be several at
// once, and they leave the list in any order.
ThreadDomains* ending = nullptr;

void on_thread_state_cleared(PyObject* capsule) {
  auto* domains = static_cast<ThreadDomains*>(PyCapsule_GetPointer(capsule, name));
  if (is_finalizing()) {
    domains->detach_from_thread();
    return;
  }
  domains->next_ending = std::exchange(ending, domains);
  domains->discard_all();
  ThreadDomains** link = &ending;
  while (*link != domains) link = &(*link)->next_ending;
  *link = domains->next_ending;
  delete domains;
}

// The ThreadDomains of the running thread; nullptr if it has none. Sets no exception.
ThreadDomains* find() {
  for (ThreadDomains* domains = ending; domains != nullptr; domains = domains->next_ending) {
    if (domains->thread_state() == thread_state_id(PyThreadState_Get())) return domains;
  }
  PyObject* const dictionary = PyThreadState_GetDict();
  PyObject* const capsule = dictionary != nullptr && key() != nullptr
                                ? PyDict_GetItemWithError(dictionary, key())
                                : nullptr;
  if (capsule != nullptr) return static_cast<ThreadDomains*>(PyCapsule_GetPointer(capsule, name));
  PyErr_Clear();
  return nullptr;
}

// Whether our pending call is queued or runs. At most one is queued, because CPython's queue is
// short. None is queued while one runs: it ends what becomes pending meanwhile, and CPython 3.11
// would leave its fast path at every traced call until the queued one runs.
bool call_is_queued = false;
// Whether a pending call ran during a collection on its thread, and must be repeated after it.
bool call_is_postponed = false;

int on_pending_call(void*) {
  // While the interpreter ends, collections are not reported, so nothing may switch in this call.
  ThreadDomains* const domains = is_finalizing() ? nullptr : find();
  if (domains != nullptr && collecting_thread_state == domains->thread_state()) {
    call_is_postponed = true;
  } else if (domains != nullptr) {
    PyObject* const raised = take_raised();
    domains->end_pending_in_call();
    set_raised(raised);
  }
  call_is_queued = false;
  return 0;
}

void request_pending_call() {
  if (call_is_queued) return;
  call_is_queued = Py_AddPendingCall(guarded<on_pending_call>, nullptr) == 0;
}

}  // namespace

ThreadDomains* ThreadDomains::of_this_thread() {
  if (ThreadDomains* const found = find()) return found;
  PyObject* const dictionary = PyThreadState_GetDict();
  auto* const domains = dictionary != nullptr ? new (std::nothrow) ThreadDomains : nullptr;
  if (domains == nullptr) {
    PyErr_NoMemory();
    return nullptr;
  }
  PyObject* const capsule = PyCapsule_New(domains, name, guarded<on_thread_state_cleared>);
  if (capsule == nullptr) delete domains;
  const bool kept =
      capsule != nullptr && key() != nullptr && PyDict_SetItem(dictionary, key(), capsule) == 0;
  Py_XDECREF(capsule);
  return kept ? domains : nullptr;
}

void ThreadDomains::add(PythonDomain& domain) {
  TEALETPP_CHECK(domain.on_thread == nullptr);
  TEALETPP_CHECK(thread_state_ == thread_state_id(PyThreadState_Get()));
  domain.on_thread = this;
  domain.may_have_pending = may_have_pending_;
  open_.add_first(domain);
}

void ThreadDomains::remove(PythonDomain& domain) {
  TEALETPP_CHECK(domain.on_thread == this);
  open_.remove(domain);
  domain.on_thread = nullptr;
  domain.may_have_pending = false;
}

void ThreadDomains::note_pending() {
  may_have_pending_ = true;
  for (PythonDomain* domain = open_.first(); domain != nullptr; domain = domain->neighbours.next) {
    domain->may_have_pending = true;
  }
  // CPython runs pending calls on the main thread only, and its queue may be full. The other safe
  // points do not depend on it.
  request_pending_call();
}

void ThreadDomains::collection_ended() {
  if (std::exchange(call_is_postponed, false)) request_pending_call();
}

void ThreadDomains::end_pending_in_call() {
  if (open_.is_empty()) return;
  correct_running();
  if (tealet::core::running_tealet->domain() != nullptr) return;
  if (!end_pending()) PyErr_WriteUnraisable(nullptr);
}

void ThreadDomains::request_call_outside() {
  if (tealet::core::running_tealet->domain() == nullptr) request_pending_call();
}

bool ThreadDomains::end_pending() {
  may_have_pending_ = false;
  for (PythonDomain* domain = open_.first(); domain != nullptr; domain = domain->neighbours.next) {
    // What cannot be ended now is ended at the next use of its domain.
    domain->may_have_pending = domain->has_pending();
    may_have_pending_ = may_have_pending_ || domain->may_have_pending;
  }
  PyObject* const raised = take_raised();
  bool done = true;
  PythonDomain* domain = open_.first();
  while (done && domain != nullptr) {
    // Without stack space, an end_pending() farther up does it.
    const bool can_end = domain->may_have_pending && domain->usable() == Errc::ok &&
                         domain->check_stack_space() == Errc::ok && !domain->must_close_elsewhere();
    if (!can_end) {
      domain = domain->neighbours.next;
      continue;
    }
    PyObject* const main = domain->main_tealet->object;
    Py_INCREF(main);
    done = domain->end_own_pending();
    domain->may_have_pending = false;
    Py_DECREF(main);
    // Domains may have been closed or opened meanwhile.
    domain = open_.first();
  }
  for (domain = open_.first(); domain != nullptr; domain = domain->neighbours.next) {
    domain->may_have_pending = domain->may_have_pending || domain->has_pending();
  }
  if (done) {
    set_raised(raised);
  } else {
    TEALETPP_CHECK(raised == nullptr);
  }
  return done;
}

PythonDomain* ThreadDomains::newest_usable() {
  PythonDomain* domain = open_.first();
  while (domain != nullptr && domain->usable() != Errc::ok) domain = domain->neighbours.next;
  return domain;
}

void ThreadDomains::correct_running() {
  using tealet::core::Nesting;
  const PyThreadState* const thread = PyThreadState_Get();
  const _PyErr_StackItem* const outermost = outermost_handled(thread);
  if (outermost == handled_by(thread, *tealet::core::running_tealet)) return;
  if (outermost != &thread->exc_state) {
    for (PythonDomain* domain = open_.first(); domain != nullptr;
         domain = domain->neighbours.next) {
      Node& current = domain->current();
      if (current.is_main() || outermost != &execution_of(current).handled) continue;
      Nesting::correct_running(current);
      return;
    }
  }
  Nesting::correct_running(tealet::core::this_thread->ambient);
}

bool ThreadDomains::is_retained(const PythonDomain& domain) const noexcept {
  const PythonDomain* other = retained_;
  while (other != nullptr && other != &domain) other = other->retained_before;
  return other != nullptr;
}

void ThreadDomains::retain(PythonDomain& domain) {
  TEALETPP_CHECK(domain.on_thread == this);
  TEALETPP_CHECK(!discards_.empty() || unlisted_discards_ > 0);
  if (is_retained(domain)) return;
  Py_INCREF(domain.main_tealet->object);
  domain.retained_before = std::exchange(retained_, &domain);
}

int ThreadDomains::begin_discarding() noexcept {
  // Once the thread state is being cleared, no tealet runs on this C stack that could be discarded.
  const Node* const runs = is_ending_ ? nullptr : tealet::core::running_tealet;
  try {
    discards_.push_back({last_discard_ + 1, runs});
    return ++last_discard_;
  } catch (const std::bad_alloc&) {
    ++unlisted_discards_;
    return 0;
  }
}

template <class Predicate>
std::size_t ThreadDomains::erase_discards(Predicate is_over) {
  const auto first = std::remove_if(discards_.begin(), discards_.end(), is_over);
  const auto count = static_cast<std::size_t>(discards_.end() - first);
  discards_.erase(first, discards_.end());
  return count;
}

bool ThreadDomains::cancel_discards_in(const Node& tealet) {
  if (erase_discards([&](const Discard& discard) { return discard.tealet == &tealet; }) == 0) {
    return false;
  }
  bool found = false;
  for (PythonDomain* domain = open_.first(); domain != nullptr; domain = domain->neighbours.next) {
    if (domain->discarded_in != &tealet) continue;
    domain->discarded_in = nullptr;
    found = true;
  }
  return found;
}

void ThreadDomains::forget_running(const Node& tealet) noexcept {
  for (PythonDomain* domain = open_.first(); domain != nullptr; domain = domain->neighbours.next) {
    domain->nesting().skip_entered_from(tealet);
  }
}

void ThreadDomains::end_discarding(int number) {
  TEALETPP_CHECK(number >= 0 && number <= last_discard_);
  if (number == 0) {
    TEALETPP_CHECK(unlisted_discards_ > 0);
    --unlisted_discards_;
  } else {
    // Nothing returns to a discard that was cancelled, so this one is listed.
    [[maybe_unused]] const std::size_t ended =
        erase_discards([&](const Discard& discard) { return discard.number == number; });
    TEALETPP_CHECK(ended == 1);
  }
  if (!discards_.empty() || unlisted_discards_ > 0) return;
  while (PythonDomain* const domain = retained_) {
    retained_ = std::exchange(domain->retained_before, nullptr);
    domain->data_stack.free_memory();
    Py_DECREF(domain->main_tealet->object);
  }
}

void ThreadDomains::discard_orphaned() {
  PythonDomain* domain = open_.first();
  while (domain != nullptr) {
    if (domain->nesting().orphaned() && domain->discarded_in == nullptr) {
      discard_domain(*domain);
      ++discarded_;
      domain = open_.first();  // others may have been closed by the code that ran
    } else {
      domain = domain->neighbours.next;
    }
  }
}

void ThreadDomains::detach_from_thread() {
  thread_state_ = 0;
  for (PythonDomain* domain = open_.first(); domain != nullptr; domain = domain->neighbours.next) {
    domain->thread_state = 0;
    domain->thread = nullptr;
  }
}

// A domain that was not opened inside another one; if there is none, the one opened first.
PythonDomain* ThreadDomains::outermost() const noexcept {
  TEALETPP_CHECK(!open_.is_empty());
  PythonDomain* domain = open_.first();
  while (domain->nesting().enclosing_tealet() != nullptr && domain->neighbours.next != nullptr) {
    domain = domain->neighbours.next;
  }
  return domain;
}

void ThreadDomains::discard_all() {
  if (open_.is_empty()) return;
  PyObject* const raised = take_raised();
  const int before = discarded_;
  is_ending_ = true;
  const int discard = begin_discarding();
  // Dropping objects may run any code, which may open domains and switch to any remaining tealet.
  // Outer domains come first: a tealet that encloses a domain may have paused that domain's running
  // tealet, and must be discarded before it.
  while (!open_.is_empty()) {
    PythonDomain* const domain = outermost();
    PyObject* const main = domain->main_tealet->object;
    Py_INCREF(main);
    discard_domain(*domain);
    ++discarded_;
    Py_DECREF(main);
  }
  const int ended = discarded_ - before;
  end_discarding(discard);
  if (PyErr_WarnFormat(PyExc_ResourceWarning, 1,
                       "a thread has ended with %d open domain%s of tealets, which %s closed "
                       "without unwinding: use `with Main()` or Main.close()",
                       ended, ended == 1 ? "" : "s", ended == 1 ? "was" : "were") != 0) {
    PyErr_WriteUnraisable(nullptr);
  }
  set_raised(raised);
}

}  // namespace tealetpp
