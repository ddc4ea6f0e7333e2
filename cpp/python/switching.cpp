// The engine's switch, with CPython's state around it.
#include "python/switching.hpp"

#include <cstdint>
#include <utility>

#include "core/check.hpp"
#include "port/compiler.hpp"
#include "python/collector.hpp"
#include "python/exceptions.hpp"
#include "python/foreign_stack.hpp"
#include "python/guarded.hpp"
#include "python/paused_state.hpp"
#include "python/python_domain.hpp"
#include "python/thread_domains.hpp"
#include "python/tools.hpp"

namespace tealetpp {

namespace {

// How many exits were raised at a pause point, on all threads.
std::uint32_t exits = 0;

PyObject* object_in(const Message& message) { return static_cast<PyObject*>(message.value); }

// Updates `current_tealet` after a switch and returns the message. Releases the tealet that was
// left: if that has ended, any code may run.
Message take_message(PythonDomain& domain) {
  // Member by member: to copy the padding too, gcc would use one more register. received() need not
  // be reset, as every switch sets it.
  const Message received{domain.received().signal, domain.received().value};
  Tealet* const left = domain.current_tealet;
  const Node& current = domain.current();
  domain.current_tealet = tealet_of(current);
  // The same as refer(); the node is at hand.
  if (!current.is_main()) Py_INCREF(domain.current_tealet->object);
  domain.unrefer_left(left);
  if (TEALET_UNLIKELY(domain.may_have_pending)) domain.on_thread->request_call_outside();
  return received;
}

// Raises an exception of another execution, consuming the reference. The exception that is being
// handled here is appended to its chain of contexts, as if a function called here had raised it.
void raise_here(PyObject* exception) {
  PyObject* handled = PyErr_GetHandledException();
  add_context(exception, handled);
  Py_XDECREF(handled);
  set_raised(exception);
}

// The result of a switch: a new reference, or nullptr with an exception set.
PyObject* unpack(PythonDomain& domain, Message received) {
  switch (received.signal) {
    case Signal::value:
      break;
    case Signal::error:
      raise_here(object_in(received));
      return nullptr;
    case Signal::unwind:
      domain.current_tealet->exiting = ++exits;
      PyErr_SetNone(domain.python_hooks.exit);
      return nullptr;
  }
  return object_in(received);
}

// While the running tealet is paused, its C stack from this address up is never overwritten. For
// main that is the highest place that a tealet of any domain has used: any of them may run before
// main does again. A nested domain's main may be saved as a whole, with the enclosing tealet.
const void* in_place(const PythonDomain& domain) {
  if (domain.current().is_main() && !domain.is_nested()) return domain.on_thread->highest_far();
  return tealet::core::unbounded;
}

TEALETPP_NOINLINE TEALETPP_COLD void notify_of_resumption(bool is_main) {
  guard([&] { notify_tools_of_resumption(PyThreadState_Get(), is_main); });
}

// Tells trace and profile functions that the running tealet pauses for `target`. Errc::invalid if
// they have changed the state of `target`.
TEALETPP_NOINLINE TEALETPP_COLD Errc notify_of_pause(Tealet* target) {
  PythonDomain& domain = *target->domain;
  const Node& self = domain.current();
  const Node* const node = target->node;
  const Status status = node->status;
  const Call call = std::exchange(domain.call, Call{});  // they may begin other tealets
  guard([&] { notify_tools_of_pause(PyThreadState_Get(), self.is_main()); });
  domain.call = call;
  if (target->node == node && node->status == status) return Errc::ok;
  notify_of_resumption(self.is_main());
  return Errc::invalid;
}

// Instruments the code of all frames of the domain: since its last switch, tools have asked for
// other events. CPython returns at once for code that is up to date.
TEALETPP_NOINLINE TEALETPP_COLD void instrument_paused(PythonDomain& domain,
                                                       const PyThreadState* thread) noexcept {
  bool done = true;
  const auto instrument_all = [&](const _PyInterpreterFrame* newest) {
    for (const auto* frame = newest; frame != nullptr; frame = frame->previous) {
      if (is_python(frame)) done = instrument(frame) && done;
    }
  };
  instrument_all(running_frame(thread));
  instrument_all(execution_of(domain.main()).paused_frame);
  domain.for_each_tealet([&](Node& node) { instrument_all(execution_of(node).paused_frame); });
  if (done) domain.monitoring_version = monitoring_version(thread);  // else at the next switch
}

// Runs `jump`, a switch of the engine, with the running tealet's part of the thread state put away.
// If nothing was switched, received() is `out`.
//
// Every variable here is on every saved stack: keep them few.
template <bool can_be_refused = true, class Jump>
Errc with_paused_state(Tealet* target, Message out, Jump jump) {
  PythonDomain& domain = *target->domain;
  PyThreadState* const thread = domain.thread;  // the caller has called is_ready()
  TEALETPP_CHECK(thread == PyThreadState_Get() && domain.is_open());
  TEALETPP_CHECK(collecting_thread_state != domain.thread_state);
  TEALETPP_CHECK(target->node != nullptr && target->node->status != Status::Defunct);
  if (TEALET_UNLIKELY(has_tool_at_pause(thread))) {
    const Errc code = notify_of_pause(target);
    if (code != Errc::ok) {
      domain.received() = out;
      return code;
    }
  }
  if (TEALET_UNLIKELY(!domain.data_stack.pause(thread, domain.current(), !can_be_refused))) {
    if (has_tool_at_pause(thread)) notify_of_resumption(domain.current().is_main());
    domain.received() = out;
    return Errc::memory;
  }
  PausedState paused(thread, execution_of(domain.current()), in_place(domain));
  Errc code = Errc::moved;
  if (domain.current().is_main()) note_reach(domain, paused);
  if (TEALET_UNLIKELY(is_out_of_reach(domain, *target->node))) {
    domain.received() = out;
  } else {
    if constexpr (frames_are_sampled) {
      // During the switch the chain of a tealet is incomplete. That of main is complete, unless its
      // domain is nested.
      if (!domain.current().is_main()) {
        set_running_frame(thread, execution_of(domain.main()).paused_frame);
      }
    }
    code = jump();
  }
  domain.data_stack.resume(thread, domain.current());
  if (TEALET_UNLIKELY(paused.resume(thread, execution_of(domain.current())))) {
    domain.tools_to_notify = code == Errc::ok;
    if (!domain.tools_to_notify) notify_of_resumption(domain.current().is_main());
  }
  if constexpr (paused_code_can_be_instrumented) {
    if (TEALET_UNLIKELY(domain.monitoring_version != monitoring_version(thread))) {
      instrument_paused(domain, thread);
    }
  }
  return code;
}

// The result for the parent.
Message take_result(Tealet* self, PyObject* result) {
  if (result != nullptr) return {Signal::value, result};
  PyObject* const raised = take_raised();
  // The exit of an enclosing tealet propagates until it leaves that one.
  if (latest_to_exit(self) != self) return {Signal::error, raised};
  return self->domain->python_hooks.result_of_raised(raised);
}

// Begins the tealet's execution and returns the message. The arguments are in domain.call. If that
// is empty, another tealet has ended and this one receives its result, as the only argument.
TEALETPP_NOINLINE Message enter(Node& node) {
  TEALETPP_CHECK(is_bound(node));
  auto& domain = static_cast<PythonDomain&>(*node.domain());
  domain.on_thread->note_far(node.far);
  Call call = std::exchange(domain.call, Call{});
  PyThreadState* const thread = PyThreadState_Get();
  domain.data_stack.begin(thread, node, call.arguments);
  begin_execution(thread, execution_of(node), node.area->space_below(TEALETPP_FRAME_ADDRESS()));
  const Message received = take_message(domain);
  // throw() before it began: no frame on its stack could catch the exception, so it ends.
  if (received.signal != Signal::value) return received;
  if (call.arguments == nullptr) {
    execution_of(node).arguments = object_in(received);
    call = Call{execution_of(node).function, &execution_of(node).arguments, 1, nullptr};
  }
  if (execution_of(node).function == nullptr) {
    Tealet* self = tealet_of(node);
    PyErr_Format(domain.python_hooks.invalid_error,
                 "%R received a result, but has no function to begin with", self->object);
    return take_result(self, nullptr);
  }
  domain.call = call;
  return received;
}

// The parent cannot be resumed, and the tealet cannot go on. Drops `out`, which was for the parent,
// and makes main the parent instead. Returns the exception for main.
TEALETPP_NOINLINE TEALETPP_COLD Message fail_in_main(Node& node, Message out) {
  auto& domain = static_cast<PythonDomain&>(*node.domain());
  return guard([&] {
    set_error(Errc::moved, tealet_of(domain.receiver()));
    PyObject* const raised = take_raised();
    Py_XDECREF(object_in(out));
    domain.set_parent(node, domain.main());
    return Message{Signal::error, raised};
  });
}

// Ends the tealet's execution. `out` is for the parent.
TEALETPP_NOINLINE Message leave(Node& node, Message out) {
  auto& domain = static_cast<PythonDomain&>(*node.domain());
  TEALETPP_CHECK(is_bound(node) && tealet_of(node) == domain.current_tealet);
  PyThreadState* const thread = PyThreadState_Get();
  Execution& execution = execution_of(node);
  // Code that runs at the end may open further domains in this tealet.
  do {
    domain.close_inner_domains(node);
    end_execution(thread, execution);
  } while (domain.nesting().to_close_in(node) != nullptr);
  domain.release_held(tealet_of(node));  // the domain has a reference, as it is current
  if (TEALET_UNLIKELY(is_out_of_reach(domain, domain.receiver()))) out = fail_in_main(node, out);
  Node& receiver = domain.receiver();
  if (receiver.status == Status::New) domain.data_stack.add_user();  // cannot fail here
  domain.data_stack.end(thread, node);
  domain.last_ended = tealet_of(node);
  domain.last_receiver = &receiver;
  TEALETPP_CHECK(is_empty(execution));
  return out;
}

TEALETPP_NOINLINE Message leave(Node& node, PyObject* result) {
  return leave(node, take_result(tealet_of(node), result));
}

}  // namespace

// Its frame is on the saved stack of every tealet: keep it small. See Domain::on_begin().
Message run(Node& node, Message) {
  return guard([&] {
    const Message received = enter(node);
    if (received.signal != Signal::value) return leave(node, received);
    const Call call = std::exchange(static_cast<PythonDomain&>(*node.domain()).call, Call{});
    PyObject* const result = PyObject_Vectorcall(
        call.function, call.arguments, static_cast<std::size_t>(call.count), call.keywords);
    return leave(node, result);
  });
}

namespace {

TEALETPP_NOINLINE TEALETPP_COLD PyObject* receive_for_tools(PythonDomain& domain) {
  domain.tools_to_notify = false;
  const bool is_main = domain.current().is_main();  // unpack() may close the domain
  PyObject* const result = unpack(domain, take_message(domain));
  notify_of_resumption(is_main);
  return result;
}

// The result of the switch that just returned. Only this and the next function run Python code
// between a switch and its caller.
//
// Neither is inline: the frame from which the engine switches is on every saved stack.
TEALETPP_NOINLINE PyObject* receive(PythonDomain& domain) {
  return guard([&] {
    if (TEALET_UNLIKELY(domain.tools_to_notify)) return receive_for_tools(domain);
    return unpack(domain, take_message(domain));
  });
}

// Nothing has switched. Drops `out`, which may be in received() by now.
TEALETPP_NOINLINE PyObject* fail(Tealet* target, Errc code, Message out) {
  target->domain->received() = Message{};
  guard([&] {
    Py_XDECREF(object_in(out));
    set_error(code, target);
  });
  return nullptr;
}

// throw() before the tealet began: it begins, and ends at once.
TEALETPP_NOINLINE PyObject* transfer_to_new(Tealet* target, Message out) {
  PythonDomain& domain = *target->domain;
  Node& node = *target->node;
  if (!domain.data_stack.add_user()) return fail(target, Errc::memory, out);
  const Errc code =
      with_paused_state(target, out, [&] { return code_of(domain.switch_to(node, out)); });
  if (code == Errc::ok) return receive(domain);
  domain.data_stack.remove_user();
  return fail(target, code, out);
}

}  // namespace

PyObject* transfer_to(Tealet* target, Message out) {
  TEALETPP_CHECK(object_in(out) != nullptr);
  const Status status = target->node->status;
  if (status == Status::New || status == Status::Stub) return transfer_to_new(target, out);
  PythonDomain& domain = *target->domain;
  const Errc code =
      with_paused_state(target, out, [&] { return code_of(domain.switch_to(*target->node, out)); });
  if (code == Errc::ok) return receive(domain);
  return fail(target, code, domain.received());
}

Tealet* latest_to_exit(Tealet* running) {
  Tealet* latest = running;
  for (const Node* outer = running->domain->nesting().enclosing_tealet(); outer != nullptr;
       outer = outer->domain()->nesting().enclosing_tealet()) {
    if (outer->binding == nullptr) continue;
    if (tealet_of(*outer)->exiting > latest->exiting) latest = tealet_of(*outer);
  }
  return latest;
}

Errc unwind(Tealet* target, PyObject*& result) {
  TEALETPP_CHECK(target->node != nullptr && target->node->status == Status::Suspended);
  PythonDomain& domain = *target->domain;
  const Errc code =
      with_paused_state<false>(target, Message{}, [&] { return domain.unwind(*target->node); });
  if (code == Errc::ok) result = receive(domain);
  return code;
}

namespace {

// Starts `target` with the domain's `call`. Consumes `owned`, which keeps the arguments alive;
// nullptr if they are borrowed.
TEALETPP_NOINLINE PyObject* begin(Tealet* target, PyObject* owned) {
  PythonDomain& domain = *target->domain;
  Errc code = Errc::memory;
  if (domain.data_stack.add_user()) {
    code = with_paused_state(target, Message{}, [&] {
      // Not before: a tool that is told of the switch may begin or end `target`.
      PyObject*& arguments = execution_of(*target->node).arguments;
      arguments = owned;
      const Errc result = code_of(domain.switch_to(*target->node, {Signal::value, nullptr}));
      if (result != Errc::ok) arguments = nullptr;
      return result;
    });
    if (code == Errc::ok) return receive(domain);
    domain.data_stack.remove_user();
  }
  domain.call = Call{};
  return fail(target, code, {Signal::value, owned});
}

TEALETPP_NOINLINE PyObject* begin_with_copies(Tealet* target, PyObject* const* arguments,
                                              Py_ssize_t count, PyObject* keywords) {
  PyObject* const function = execution_of(*target->node).function;
  PyObject* const owned = copy_call(target->domain->call, function, arguments, count, keywords);
  return owned != nullptr ? begin(target, owned) : nullptr;
}

TEALETPP_NOINLINE PyObject* begin_looked_through(Tealet* target, PyObject* const* arguments,
                                                 Py_ssize_t count) {
  ArgumentSpace space;  // on this frame, which stays until the function has taken them
  PyObject* const function = execution_of(*target->node).function;
  PythonDomain& domain = *target->domain;
  // A tool that is told of the switch may change what a partial or a class calls.
  if (has_tool_at_pause(domain.thread) ||
      !borrow_call(domain.call, space, function, arguments, count)) {
    return begin_with_copies(target, arguments, count, nullptr);
  }
  return begin(target, nullptr);
}

}  // namespace

PyObject* start(Tealet* target, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
  static PyObject* const no_arguments[1] = {nullptr};
  PythonDomain& domain = *target->domain;
  const Execution& execution = execution_of(*target->node);
  TEALETPP_CHECK(execution.function != nullptr && execution.arguments == nullptr);
  // The arguments can be borrowed if they stay where they are until a Python function takes
  // references of its own, as it does before any other code runs if there are no keywords. They may
  // be on the C stack, where a stub's stack would overwrite them.
  const bool stays = target->node->status == Status::New;
  if (keywords != nullptr || !stays) return begin_with_copies(target, arguments, count, keywords);
  if (!PyFunction_Check(execution.function)) return begin_looked_through(target, arguments, count);
  domain.call = Call{execution.function, count != 0 ? arguments : no_arguments, count, nullptr};
  return begin(target, nullptr);
}

bool can_begin(Tealet* target) {
  if (!target->domain->is_ready(target)) return false;
  const Status status = target->node->status;
  if (status == Status::New || status == Status::Stub) return true;
  PyErr_Format(target->domain->python_hooks.invalid_error, "%R has begun already", target->object);
  return false;
}

}  // namespace tealetpp
