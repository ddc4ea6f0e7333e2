#include "python/python_domain.hpp"

#include <utility>

#include "core/check.hpp"
#include "core/thread_context.hpp"
#include "python/collector.hpp"
#include "python/engine_hooks.hpp"
#include "python/exceptions.hpp"
#include "python/foreign_stack.hpp"
#include "python/lifetime.hpp"
#include "python/thread_domains.hpp"

namespace tealetpp {

namespace {

std::uint64_t domains_made = 0;  // guarded by the global interpreter lock

}  // namespace

PythonDomain::PythonDomain(const PythonHooks& hooks, std::size_t limit)
    : Domain(engine_hooks, tealet::malloc_resource(), limit),
      python_hooks(hooks),
      number(++domains_made) {}

PythonDomain::~PythonDomain() {
  if (on_thread != nullptr) on_thread->remove(*this);
}

// Compares the execution that runs, according to the thread state, with the one that the engine has
// recorded.
bool PythonDomain::is_usable_fast() const noexcept {
  // Called first, so that few registers must be saved across the call.
  const PyThreadState* const now = PyThreadState_Get();
  return nesting().is_usable_fast() && collecting_thread_state == 0 && now == thread &&
         outermost_handled(now) == handled_by(now, *tealet::core::running_tealet);
}

Errc PythonDomain::usable() {
  // By number: addresses of thread states are reused.
  if (!is_on_its_thread()) return Errc::thread;
  on_thread->correct_running();
  return Domain::check();
}

bool PythonDomain::must_close_elsewhere() {
  return close_is_pending_ && may_be_on_another_stack(*this);
}

bool PythonDomain::can_switch() { return usable() == Errc::ok && !is_collecting(*this); }

bool PythonDomain::is_ready_slow() {
  if (!is_open()) {
    PyErr_Format(python_hooks.invalid_error, "the domain of %R is closed", main_tealet->object);
    return false;
  }
  Errc code = usable();
  if (code != Errc::ok) {
    set_error(code, main_tealet);
  } else if (is_collecting(*this)) {
    PyErr_SetString(python_hooks.invalid_error,
                    "nothing can switch while the garbage collector runs on this thread");
    code = Errc::invalid;
  }
  return code == Errc::ok;
}

bool PythonDomain::is_ready(const Tealet* target) {
  if (!is_ready()) return false;
  if (target->node == nullptr) {
    PyErr_Format(python_hooks.invalid_error, "%R has ended", target->object);
    return false;
  }
  if (target->node->status != Status::Defunct) return true;
  set_error(Errc::defunct, target);
  return false;
}

void PythonDomain::hold(Tealet* tealet, bool pending) {
  TEALETPP_CHECK(tealet->domain == this && !tealet->is_main() && on_thread != nullptr);
  TEALETPP_CHECK(tealet->held || !tealet->pending);
  if (tealet->held) {
    list_of(tealet).remove(tealet);
  } else {
    Py_INCREF(tealet->object);
    tealet->held = true;
  }
  tealet->pending = pending;
  list_of(tealet).add(tealet);  // if there is no memory, close_domain() finds the tealet
  if (pending) on_thread->note_pending();
}

void PythonDomain::release_held(Tealet* tealet) {
  TEALETPP_CHECK(tealet->domain == this && (tealet->held || !tealet->pending));
  if (!tealet->held) return;
  list_of(tealet).remove(tealet);
  tealet->held = tealet->pending = false;
  Py_DECREF(tealet->object);
}

void PythonDomain::end_later(Tealet* tealet) {
  if (!tealet->is_main()) {
    tealet->must_end = true;
    hold(tealet, true);
    return;
  }
  if (std::exchange(close_is_pending_, true)) return;
  Py_INCREF(main_tealet->object);
  on_thread->note_pending();
}

void PythonDomain::cancel_close() {
  if (std::exchange(close_is_pending_, false)) Py_DECREF(main_tealet->object);
}

bool PythonDomain::end_pending_on_thread() {
  if (reparenting || !is_on_its_thread()) return true;
  // A tealet that is being ended does not end others, nor do tealets of domains opened in it. They
  // stay pending until it has ended.
  for (const Node* runs = tealet::core::running_tealet; runs->domain() != nullptr;
       runs = tealet::core::Nesting::entered_from(*runs)) {
    if (runs->binding != nullptr && tealet_of(*runs)->ending) return true;
  }
  return is_collecting(*this) || on_thread->end_pending();
}

void PythonDomain::end_pending_and_report() {
  if (TEALET_LIKELY(!may_have_pending)) return;
  PyObject* const raised = take_raised();
  const std::uint32_t exits_before = latest_exit(*this);
  if (!end_pending()) report(*this, exits_before, main_tealet->object);
  set_raised(raised);
}

void PythonDomain::hold_if_paused(Tealet* left) {
  if (left->node != nullptr && left->node->status == Status::Suspended) hold(left, true);
}

// A pending tealet that can be ended here; nullptr if there is none.
Tealet* PythonDomain::next_to_end() {
  for (Tealet* const tealet : pending_.newest_first()) {
    if (tealet->node == nullptr || !is_on_another_stack(*this, *tealet->node)) return tealet;
  }
  return nullptr;
}

bool PythonDomain::end_own_pending() {
  TEALETPP_CHECK(is_open() && is_on_its_thread());
  // One at a time: a tealet may switch away while it is being ended, and another loop may run then.
  // A tealet that becomes pending again is not tried again here.
  bool is_pending_again = false;
  const Tealet* last = nullptr;  // may be freed: for comparison only
  while (Tealet* const tealet = is_pending_again ? nullptr : next_to_end()) {
    if (tealet == last) break;
    last = tealet;
    Py_INCREF(tealet->object);
    hold(tealet, false);
    tealet->ending = true;
    // It need not end if the program has got a reference to it meanwhile, through `parent` or
    // `previous`. If not, release_held() drops the last reference and so ends it.
    const bool must_end = tealet->must_end;
    tealet->must_end = false;
    if (must_end) end_unreachable(tealet);
    if (!must_end || tealet->node == nullptr) release_held(tealet);
    PyObject* const raised = std::exchange(interruption, nullptr);
    is_pending_again = tealet->pending;
    if (is_pending_again) tealet->must_end = must_end;
    tealet->ending = false;
    Py_DECREF(tealet->object);
    if (raised != nullptr) {
      set_raised(raised);
      return false;
    }
    if (!is_open()) return true;
  }
  if (!close_is_pending_ || !is_open() || !current().is_main() || closing) return true;
  close_is_pending_ = false;
  if (!close_domain(main_tealet)) PyErr_WriteUnraisable(main_tealet->object);
  Py_DECREF(main_tealet->object);
  return true;
}

}  // namespace tealetpp
