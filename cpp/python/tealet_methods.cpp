#include "python/tealet_methods.hpp"

#include "core/thread_context.hpp"
#include "port/compiler.hpp"
#include "python/attribute.hpp"
#include "python/collector.hpp"
#include "python/error_types.hpp"
#include "python/exceptions.hpp"
#include "python/frame_object.hpp"
#include "python/guarded.hpp"
#include "python/lifetime.hpp"
#include "python/method_table.hpp"
#include "python/python_domain.hpp"
#include "python/runnable.hpp"
#include "python/switching.hpp"
#include "python/tealet_costs.hpp"
#include "python/tealet_type.hpp"

namespace tealetpp {

namespace {

PyObject* refuse(Tealet* tealet, const char* why) {
  guard([&] { PyErr_Format(tealet_hooks.invalid_error, why, tealet->object); });
  return nullptr;
}

// The names as one string, separated by commas; nullptr with an exception set.
PyObject* joined(PyObject* names) {
  PyObject* comma = PyUnicode_FromString(", ");
  PyObject* text = comma != nullptr ? PyUnicode_Join(comma, names) : nullptr;
  Py_XDECREF(comma);
  return text;
}

TEALETPP_NOINLINE PyObject* refuse_arguments(PyObject* self, Py_ssize_t count, PyObject* keywords) {
  guard([&] {
    if (keywords == nullptr) {
      PyErr_Format(tealet_hooks.invalid_error,
                   "%R has begun and can be handed one value at most, not %zd", self, count);
      return;
    }
    PyObject* names = joined(keywords);
    if (names == nullptr) return;
    PyErr_Format(tealet_hooks.invalid_error,
                 "%R has begun and can be handed one value at most, without a name: it takes no "
                 "keyword arguments any more, such as %U",
                 self, names);
    Py_DECREF(names);
  });
  return nullptr;
}

}  // namespace

// The fast path: a paused tealet, and one value or none.
PyObject* method_switch(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                        PyObject* keywords) {
  Tealet* tealet = as_tealet(self);
  TEALETPP_KEEP_IN_REGISTER(tealet);
  if (!guard([&] { return is_usable(tealet); })) return nullptr;
  const Node& node = *tealet->node;
  if (node.status == Status::New) {
    if (execution_of(*tealet->node).function != nullptr) {
      return start(tealet, arguments, count, keywords);
    }
    return refuse(tealet, "%R has no function to begin with: use run()");
  }
  if (node.status == Status::Stub) return refuse(tealet, "%R has no function yet: use run()");
  if (keywords != nullptr || count > 1) {
    return refuse_arguments(tealet->object, count, keywords);
  }
  PyObject* value = Py_NewRef(count == 1 ? arguments[0] : Py_None);
  if (node.status == Status::Running) return value;
  return transfer_to(tealet, {Signal::value, value});
}

namespace {

// A new reference to the exception instance that throw() raises in `tealet`. nullptr with an
// exception set, also if `tealet` cannot be used.
PyObject* prepare_throw(Tealet* tealet, PyObject* exception) {
  if (PyExceptionClass_Check(exception)) {
    exception = PyObject_CallNoArgs(exception);
    if (exception == nullptr) return nullptr;
  } else {
    Py_INCREF(exception);
  }
  if (!PyExceptionInstance_Check(exception)) {
    PyErr_Format(PyExc_TypeError, "throw() needs an exception, or a class of exceptions, not %R",
                 exception);
    Py_DECREF(exception);
    return nullptr;
  }
  if (is_usable(tealet)) return exception;
  Py_DECREF(exception);
  return nullptr;
}

}  // namespace

PyObject* method_throw(PyObject* self, PyObject* exception) {
  Tealet* tealet = as_tealet(self);
  exception = guard([&] { return prepare_throw(tealet, exception); });
  if (exception == nullptr) return nullptr;
  if (tealet->node->status == Status::Running) {
    guard([&] { set_raised(exception); });
    return nullptr;
  }
  return transfer_to(tealet, {Signal::error, exception});
}

PyObject* method_close(PyObject* self, PyObject*) {
  Tealet* tealet = as_tealet(self);
  const bool closed = guard([&] { return tealet->domain == nullptr || close_tealet(tealet); });
  return closed ? Py_NewRef(Py_None) : nullptr;
}

namespace {

bool has_no_function(Tealet* tealet) {
  if (execution_of(*tealet->node).function == nullptr) return true;
  refuse(tealet, "%R has a function already: use switch()");
  return false;
}

PyObject* method_run(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                     PyObject* keywords) {
  Tealet* tealet = as_tealet(self);
  if (!is_usable(tealet) || !can_begin(tealet)) return nullptr;
  if (count == 0) {
    PyErr_SetString(PyExc_TypeError, "run() needs a function to run");
    return nullptr;
  }
  if (!is_runnable(arguments[0], "run() needs a callable, not %R")) return nullptr;
  // A stub gets the context variables of the caller; a new tealet has those of its creator. Copying
  // them may collect garbage, which may run any code.
  PyObject* context = nullptr;
  if (tealet->node->status == Status::Stub) {
    context = copy_context(PyThreadState_Get());
    if (context == nullptr && PyErr_Occurred()) return nullptr;
  }
  if (!can_begin(tealet) || !has_no_function(tealet)) {
    Py_XDECREF(context);
    return nullptr;
  }
  Execution& execution = execution_of(*tealet->node);
  if (context != nullptr) Py_XSETREF(execution.context, context);
  execution.function = Py_NewRef(arguments[0]);
  PyObject* result = start(tealet, arguments + 1, count - 1, keywords);
  if (result == nullptr && tealet->node != nullptr) {
    // It has not begun: back to a tealet without a function.
    const Status status = tealet->node->status;
    if (status == Status::New || status == Status::Stub) {
      Py_CLEAR(execution_of(*tealet->node).function);
    }
  }
  return result;
}

// Whether `tealet` is a stub that can be used here and now. Sets an exception if not.
bool can_duplicate(Tealet* tealet) {
  if (!is_usable(tealet)) return false;
  const Status status = tealet->node->status;
  if (status == Status::New) {
    refuse(tealet, "%R has no stack yet that could be shared: only a stub can be duplicated");
  } else if (status != Status::Stub) {
    refuse(tealet,
           "%R has Python frames on its stack, which must not run twice: only a stub can be "
           "duplicated");
  }
  return status == Status::Stub;
}

PyObject* method_duplicate(PyObject* self, PyObject*) {
  Tealet* tealet = as_tealet(self);
  Tealet* duplicate = new_tealet();
  if (duplicate == nullptr) return nullptr;
  const bool refused = !can_duplicate(tealet);
  Node* node = refused ? nullptr : tealet->domain->duplicate(*tealet->node);
  if (node == nullptr) {
    if (!refused) set_error(Errc::memory, tealet);
    Py_DECREF(duplicate->object);
    return nullptr;
  }
  bind(duplicate, *tealet->domain, *node);
  return duplicate->object;
}

PyObject* method_enter(PyObject* self, PyObject*) {
  const Tealet* tealet = as_tealet(self);
  if (tealet->domain == nullptr || !tealet->is_main() || tealet->domain->is_open()) {
    return Py_NewRef(self);
  }
  PyErr_Format(tealet_hooks.invalid_error, "the domain of %R is closed", self);
  return nullptr;
}

// A generator that is paused in a `with` block may be dropped, also by the collector, where the
// tealet cannot be closed. Then the tealet is closed at the next safe point.
PyObject* method_exit(PyObject* self, PyObject* const* exception, Py_ssize_t count) {
  Tealet* tealet = as_tealet(self);
  if (tealet->node != nullptr && !tealet->domain->can_switch()) {
    const bool dropped = count != 0 && PyExceptionClass_Check(exception[0]) &&
                         PyErr_GivenExceptionMatches(exception[0], PyExc_GeneratorExit) != 0;
    if (dropped || is_collecting(*tealet->domain)) {
      tealet->domain->end_later(tealet);
      Py_RETURN_NONE;
    }
  }
  PyObject* result = method_close(self, nullptr);
  // The caller may pass an exception that is not the one being handled, as contextlib.ExitStack
  // does.
  if (result != nullptr || count < 2 || !PyExceptionInstance_Check(exception[1])) return result;
  PyObject* raised = take_raised();
  add_context(raised, exception[1]);
  set_raised(raised);
  return nullptr;
}

// Whether the calling code runs in `tealet`.
bool runs_here(const Tealet& tealet) {
  PythonDomain& domain = *tealet.domain;
  if (tealet.node != &domain.current() || domain.usable() != Errc::ok) return false;
  const Node& innermost = *tealet::core::running_tealet;
  if (!tealet.is_main()) return &innermost == tealet.node;
  const Node* const enclosing = domain.nesting().enclosing_tealet();
  return enclosing != nullptr ? &innermost == enclosing : innermost.domain() == nullptr;
}

PyObject* method_format_stack(PyObject* self, PyObject*) {
  const Tealet* tealet = as_tealet(self);
  PyObject* frame = nullptr;
  if (tealet->node != nullptr && runs_here(*tealet)) {
    frame = reinterpret_cast<PyObject*>(PyThreadState_GetFrame(PyThreadState_Get()));
  } else if (tealet->node != nullptr) {
    frame = paused_frame_object(*tealet->node);
    if (frame == nullptr) return nullptr;
  }
  if (frame == nullptr) frame = Py_NewRef(Py_None);
  PyObject* const lines = call_function("tealetpp._listing", "format_stack", frame);
  Py_DECREF(frame);
  return lines;
}

// Called by pickle and copy. A saved stack is bound to its addresses, and a stack with Python
// frames must not run twice.
PyObject* method_reduce(PyObject* self, PyObject*) {
  PyErr_Format(PyExc_TypeError, "cannot pickle '%s' object", Py_TYPE(self)->tp_name);
  return nullptr;
}

}  // namespace

PyMethodDef tealet_methods[] = {
    {"switch", as_method(method_switch), METH_FASTCALL | METH_KEYWORDS,
     "switch($self, /, *args, **kwargs)\n--\n\n"
     "Switch to this tealet.\n\n"
     "The first time its function begins with these arguments. Later at most one value can be\n"
     "given, which becomes the result of the switch() that paused it.\n\n"
     "Returns what the next switch back passes: a value, or the result of a tealet whose\n"
     "parent is the caller. Raises what was thrown into the caller, or what left the function of\n"
     "such a tealet. On the running tealet it returns the value at once.\n\n"
     "Raises InvalidError, DefunctError, ThreadError, MemoryError or RecursionError if it cannot\n"
     "switch; every tealet is as it was then."},
    {"run", as_method(guarded<method_run>), METH_FASTCALL | METH_KEYWORDS,
     "run($self, function, /, *args, **kwargs)\n--\n\n"
     "Begin a new tealet or a stub with ``function(*args, **kwargs)``, now.\n\n"
     "Otherwise like switch(). Raises TypeError if ``function`` is not callable, or is a "
     "generator\n"
     "or coroutine function, whose call runs nothing."},
    {"throw", method_throw, METH_O,
     "throw($self, exception, /)\n--\n\n"
     "Resume this tealet by raising ``exception``, an instance or a class, at its pause point.\n\n"
     "A tealet that has not begun ends at once; its parent receives the exception. Otherwise like\n"
     "switch()."},
    {"stats", guarded<method_tealet_stats>, METH_NOARGS,
     "stats($self, /)\n--\n\n"
     "Return what this tealet takes: a TealetStats.\n\n"
     "Its history is recorded only if its domain was made by Main(track=True)."},
    {"duplicate", guarded<method_duplicate>, METH_NOARGS,
     "duplicate($self, /)\n--\n\n"
     "Return a second stub that shares this stub's stack.\n\n"
     "Raises InvalidError for anything but a stub."},
    {"close", method_close, METH_NOARGS,
     "close($self, /)\n--\n\n"
     "End this tealet: raise TealetExit at its pause point, let it unwind, free it.\n\n"
     "Does nothing if it has ended. On the running tealet it raises TealetExit. Raises what else\n"
     "leaves the tealet's function, and TealetError if it switches away instead of ending."},
    {"format_stack", guarded<method_format_stack>, METH_NOARGS,
     "format_stack($self, /)\n--\n\n"
     "Return the stack of this tealet as traceback.format_stack() does: a list of str, the oldest\n"
     "frame first, each with line ends.\n\n"
     "For a paused tealet the stack ends where it paused; for the one that runs, at the call.\n"
     "Empty for a tealet without Python frames."},
    {"__reduce__", guarded<method_reduce>, METH_NOARGS,
     "__reduce__($self, /)\n--\n\nRaises TypeError: a tealet can be neither pickled nor copied."},
    {"__enter__", guarded<method_enter>, METH_NOARGS, "__enter__($self, /)\n--\n\n"},
    {"__exit__", as_method(guarded<method_exit>), METH_FASTCALL,
     "__exit__($self, *exception)\n--\n\nclose()."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace tealetpp
