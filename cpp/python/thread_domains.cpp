#include "python/thread_domains.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "python/collector.hpp"
#include "python/exceptions.hpp"
#include "python/guarded.hpp"
#include "python/lifetime.hpp"

namespace tealetpp {

namespace {

// Of the capsule in the dictionary of the thread state, which is cleared with that.
constexpr const char* name = "tealetpp.domains";

// Its key: another one for each module that has a copy of this code; nullptr with an exception set.
PyObject* key() {
  static PyObject* object = nullptr;
  if (object == nullptr) object = PyUnicode_FromFormat("%s at %p", name, &object);
  return object;
}

// Those of thread states that are being cleared: their dictionary is gone, or will not be cleared
// again. There may be several at once, and they end in any order, since dropping runs any code.
ThreadDomains* ending = nullptr;

void thread_state_goes(PyObject* capsule) {
  auto* domains = static_cast<ThreadDomains*>(PyCapsule_GetPointer(capsule, name));
  if (is_finalizing()) {
    domains->abandon();
    return;
  }
  domains->next_ending = std::exchange(ending, domains);
  domains->end();
  ThreadDomains** link = &ending;
  while (*link != domains) link = &(*link)->next_ending;
  *link = domains->next_ending;
  delete domains;
}

// Those of the running thread, if it has any. No exception is set.
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

// Whether a pending call is queued or being made. Only one is queued, since the queue is short.
// None is queued while one is made: that one ends what becomes pending meanwhile, and CPython 3.11
// would stop at every traced call until the queued one is made.
bool pending = false;
// Whether a pending call came during a collection on its thread, and must be repeated after it.
bool put_off = false;

int on_pending_call(void*) {
  // While the interpreter ends, its collections are not reported.
  ThreadDomains* const domains = is_finalizing() ? nullptr : find();
  if (domains != nullptr && collecting_thread_state == domains->thread_state()) {
    put_off = true;
  } else if (domains != nullptr) {
    PyObject* const raised = take_raised();
    domains->end_pending_in_call();
    set_raised(raised);
  }
  pending = false;
  return 0;
}

void expect_pending_call() {
  if (!pending) pending = Py_AddPendingCall(guarded<on_pending_call>, nullptr) == 0;
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
  PyObject* const capsule = PyCapsule_New(domains, name, guarded<thread_state_goes>);
  if (capsule == nullptr) delete domains;
  const bool kept =
      capsule != nullptr && key() != nullptr && PyDict_SetItem(dictionary, key(), capsule) == 0;
  Py_XDECREF(capsule);
  return kept ? domains : nullptr;
}

void ThreadDomains::add(PythonDomain& domain) {
  domain.on_thread = this;
  domain.may_have_pending = some_wait_;
  domain.opened_before = last_opened_;
  if (last_opened_ != nullptr) last_opened_->opened_after = &domain;
  last_opened_ = &domain;
}

void ThreadDomains::remove(PythonDomain& domain) {
  (domain.opened_after != nullptr ? domain.opened_after->opened_before : last_opened_) =
      domain.opened_before;
  if (domain.opened_before != nullptr) domain.opened_before->opened_after = domain.opened_after;
  domain.opened_before = domain.opened_after = nullptr;
  domain.on_thread = nullptr;
  domain.may_have_pending = false;
}

void ThreadDomains::expect_pending() {
  some_wait_ = true;
  for (PythonDomain* domain = last_opened_; domain != nullptr; domain = domain->opened_before) {
    domain->may_have_pending = true;
  }
  // Only the main thread makes pending calls. If the queue is full, other safe points remain.
  expect_pending_call();
}

void ThreadDomains::collection_ended() {
  if (std::exchange(put_off, false)) expect_pending_call();
}

void ThreadDomains::end_pending_in_call() {
  if (last_opened_ == nullptr) return;
  correct_running();
  if (tealet::core::running_tealet->domain() == nullptr) end_pending();
}

void ThreadDomains::end_pending() {
  some_wait_ = false;
  for (PythonDomain* domain = last_opened_; domain != nullptr; domain = domain->opened_before) {
    // If it cannot be done now, the domain's own next use is a safe point.
    domain->may_have_pending = domain->has_pending();
    some_wait_ = some_wait_ || domain->may_have_pending;
  }
  PyObject* const raised = take_raised();
  PythonDomain* domain = last_opened_;
  while (domain != nullptr) {
    // Without stack space it is left to an end_pending() farther up.
    const bool can_be = domain->may_have_pending && domain->usable() == Errc::ok &&
                        domain->check_stack_space() == Errc::ok && !domain->closes_elsewhere();
    if (!can_be) {
      domain = domain->opened_before;
      continue;
    }
    PyObject* const main = domain->main_tealet->object;
    Py_INCREF(main);
    domain->end_own_pending();
    domain->may_have_pending = false;
    Py_DECREF(main);
    // Domains may have been closed or opened meanwhile.
    domain = last_opened_;
  }
  for (domain = last_opened_; domain != nullptr; domain = domain->opened_before) {
    domain->may_have_pending = domain->may_have_pending || domain->has_pending();
  }
  set_raised(raised);
}

PythonDomain* ThreadDomains::innermost() {
  PythonDomain* domain = last_opened_;
  while (domain != nullptr && domain->usable() != Errc::ok) domain = domain->opened_before;
  return domain;
}

void ThreadDomains::correct_running() {
  using tealet::core::Nesting;
  const PyThreadState* const thread = PyThreadState_Get();
  const _PyErr_StackItem* const outermost = outermost_handled(thread);
  if (outermost == handled_by(thread, *tealet::core::running_tealet)) return;
  if (outermost != &thread->exc_state) {
    for (PythonDomain* domain = last_opened_; domain != nullptr; domain = domain->opened_before) {
      Node& current = domain->current();
      if (current.is_main() || outermost != &execution_of(current).handled) continue;
      Nesting::correct_running(current);
      return;
    }
  }
  Nesting::correct_running(tealet::core::this_thread->ambient);
}

void ThreadDomains::keep(PythonDomain& domain) {
  Py_INCREF(domain.main_tealet->object);
  domain.retained_before = std::exchange(retained_, &domain);
}

int ThreadDomains::begin_discarding() noexcept {
  // What ran when the thread state was cleared is not on a stack that could be discarded.
  const Node* const runs = ends_ ? nullptr : tealet::core::running_tealet;
  try {
    discards_.push_back({last_discard_ + 1, runs});
    return ++last_discard_;
  } catch (const std::bad_alloc&) {
    ++unlisted_discards_;
    return 0;
  }
}

bool ThreadDomains::forget_discarding(const Node& tealet) {
  if (discards_.empty()) return false;
  const auto is_lost = [&](const Discard& discard) { return discard.tealet == &tealet; };
  discards_.erase(std::remove_if(discards_.begin(), discards_.end(), is_lost), discards_.end());
  bool found = false;
  for (PythonDomain* domain = last_opened_; domain != nullptr; domain = domain->opened_before) {
    if (domain->discarded_in != &tealet) continue;
    domain->discarded_in = nullptr;
    found = true;
  }
  return found;
}

void ThreadDomains::end_discarding(int number) {
  if (number == 0) {
    --unlisted_discards_;
  } else {
    const auto is_this = [&](const Discard& discard) { return discard.number == number; };
    discards_.erase(std::remove_if(discards_.begin(), discards_.end(), is_this), discards_.end());
  }
  if (!discards_.empty() || unlisted_discards_ > 0) return;
  while (PythonDomain* const domain = retained_) {
    retained_ = std::exchange(domain->retained_before, nullptr);
    Py_DECREF(domain->main_tealet->object);
  }
}

void ThreadDomains::discard_orphaned() {
  PythonDomain* domain = last_opened_;
  while (domain != nullptr) {
    if (domain->nesting().orphaned() && domain->discarded_in == nullptr) {
      discard_domain(*domain);
      ++discarded_;
      domain = last_opened_;  // others may be gone now
    } else {
      domain = domain->opened_before;
    }
  }
}

void ThreadDomains::abandon() {
  thread_state_ = 0;
  for (PythonDomain* domain = last_opened_; domain != nullptr; domain = domain->opened_before) {
    domain->thread_state = 0;
    domain->thread = nullptr;
  }
}

// A domain that lies in no other one, if there is any.
PythonDomain* ThreadDomains::outermost() const noexcept {
  PythonDomain* domain = last_opened_;
  while (domain->nesting().outer() != nullptr && domain->opened_before != nullptr) {
    domain = domain->opened_before;
  }
  return domain;
}

void ThreadDomains::end() {
  if (last_opened_ == nullptr) return;
  PyObject* const raised = take_raised();
  const int before = discarded_;
  ends_ = true;
  const int discard = begin_discarding();
  // Dropping may open further domains, and switch to any remaining tealet. A tealet in which a
  // domain lies, and which has paused that domain's running tealet, must go before that domain.
  while (last_opened_ != nullptr) {
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
