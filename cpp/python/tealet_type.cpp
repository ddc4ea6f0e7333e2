#include "python/tealet_type.hpp"

#include <utility>

#include "port/compiler.hpp"
#include "python/attribute.hpp"
#include "python/collector.hpp"
#include "python/error_types.hpp"
#include "python/exceptions.hpp"
#include "python/guarded.hpp"
#include "python/lifetime.hpp"
#include "python/main_type.hpp"
#include "python/method_table.hpp"
#include "python/paused_frames.hpp"
#include "python/python_domain.hpp"
#include "python/registry.hpp"
#include "python/runnable.hpp"
#include "python/status_type.hpp"
#include "python/switching.hpp"

namespace tealetpp {

PyTypeObject* tealet_type = nullptr;

// A program may have a million of them.
static_assert(sizeof(Instance<Main>) == 96 || sizeof(void*) != 8);

namespace {

// A new object of `type`, a Tealet or Main; nullptr with an exception set.
PyObject* new_object(PyTypeObject* type) {
  PyObject* object = allocate_instance(type);
  if (object != nullptr) as_tealet(object)->object = object;
  return object;
}

// Whether `tealet` was created by a Main, and is ready. Sets an exception if not.
bool is_usable(Tealet* tealet) {
  if (tealet->domain != nullptr) return tealet->domain->is_ready(tealet);
  PyErr_SetString(PyExc_TypeError, "this tealet was never initialised: Main.tealet() makes them");
  return false;
}

PyObject* refuse(Tealet* tealet, const char* why) {
  guard([&] { PyErr_Format(tealet_hooks.invalid_error, why, tealet->object); });
  return nullptr;
}

// The names in one string, with commas; nullptr with an exception set.
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

Tealet* new_tealet() {
  PyObject* const object = new_object(tealet_type);
  if (object == nullptr) return nullptr;
  show_value<Main>(object);
  return as_tealet(object);
}

// --- what the C API offers too ---

// These have guards inside, around what may run Python code. A guard around the whole would be a
// frame on the stack of each tealet that pauses here.

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

// A new reference to the exception that throw() raises in `tealet`; nullptr with an exception set,
// also if `tealet` is not ready.
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

PyObject* get_parent(PyObject* self, void*) {
  const Tealet* parent = as_tealet(self)->parent;
  return Py_NewRef(parent != nullptr ? parent->object : Py_None);
}

PyObject* get_main(PyObject* self, void*) {
  const Tealet* tealet = as_tealet(self);
  return Py_NewRef(tealet->domain != nullptr ? main_object_of(tealet) : Py_None);
}

namespace {

// --- methods ---

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
  // A stub gets the context variables of its runner; a new tealet has those of its creator. Copying
  // them may collect garbage, which runs any code.
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
    // It has not begun, so it is left as it was.
    const Status status = tealet->node->status;
    if (status == Status::New || status == Status::Stub) {
      Py_CLEAR(execution_of(*tealet->node).function);
    }
  }
  return result;
}

// Whether `tealet` is a stub, and can be used here and now. Sets an exception if not.
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
  Tealet* twin = new_tealet();
  if (twin == nullptr) return nullptr;
  const bool refused = !can_duplicate(tealet);
  Node* node = refused ? nullptr : tealet->domain->duplicate(*tealet->node);
  if (node == nullptr) {
    if (!refused) set_error(Errc::memory, tealet);
    Py_DECREF(twin->object);
    return nullptr;
  }
  bind(twin, *tealet->domain, *node);
  return twin->object;
}

PyObject* method_enter(PyObject* self, PyObject*) { return Py_NewRef(self); }

// A generator with a `with` block may be dropped where nothing can be closed, also by the
// collector. Then the tealet is closed at the next safe point.
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
  // A caller may pass an exception that it is not handling.
  if (result != nullptr || count < 2 || !PyExceptionInstance_Check(exception[1])) return result;
  PyObject* raised = take_raised();
  add_context(raised, exception[1]);
  set_raised(raised);
  return nullptr;
}

// For pickle and copy. A stack cannot be moved, nor copied once Python frames are on it.
PyObject* method_reduce(PyObject* self, PyObject*) {
  PyErr_Format(PyExc_TypeError, "cannot pickle '%s' object", Py_TYPE(self)->tp_name);
  return nullptr;
}

PyMethodDef methods[] = {
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
    {"duplicate", guarded<method_duplicate>, METH_NOARGS,
     "duplicate($self, /)\n--\n\n"
     "Return a second stub that shares this stub's stack.\n\n"
     "Raises InvalidError for anything but a stub."},
    {"close", method_close, METH_NOARGS,
     "close($self, /)\n--\n\n"
     "End this tealet: raise TealetExit at its pause point, let it unwind, free it.\n\n"
     "Does nothing if it has ended. On the running tealet it raises TealetExit. Raises what else\n"
     "leaves the tealet's function, and TealetError if it switches away instead of ending."},
    {"__reduce__", guarded<method_reduce>, METH_NOARGS,
     "__reduce__($self, /)\n--\n\nRaises TypeError: a tealet can be neither pickled nor copied."},
    {"__enter__", guarded<method_enter>, METH_NOARGS, "__enter__($self, /)\n--\n\n"},
    {"__exit__", as_method(guarded<method_exit>), METH_FASTCALL,
     "__exit__($self, *exception)\n--\n\nclose()."},
    {nullptr, nullptr, 0, nullptr},
};

// --- attributes that hand out or change references ---

int set_parent(PyObject* self, PyObject* value, void*) {
  Tealet* tealet = as_tealet(self);
  if (value == nullptr || !PyObject_TypeCheck(value, tealet_type)) {
    PyErr_Format(PyExc_TypeError, "a parent must be a tealet, not %R",
                 value != nullptr ? value : Py_None);
    return -1;
  }
  Tealet* parent = as_tealet(value);
  if (!is_usable(tealet) || !can_be_parent(*tealet->domain, parent)) return -1;
  if (tealet->is_main()) {
    refuse(tealet, "%R is a main tealet and has no parent");
    return -1;
  }
  if (tealet->domain->set_parent(*tealet->node, *parent->node) != Errc::ok) {
    PyErr_Format(tealet_hooks.invalid_error, "%R cannot be the parent of %R: it descends from it",
                 value, self);
    return -1;
  }
  tealet->domain->end_pending();
  return 0;
}

PyObject* get_status(PyObject* self, void*) { return to_python(status_of(*as_tealet(self))); }

PyObject* get_saved_bytes(PyObject* self, void*) {
  const Tealet* tealet = as_tealet(self);
  const Node* node = tealet->node;
  return PyLong_FromSize_t(node != nullptr ? tealet->domain->saved_bytes(*node) : 0);
}

PyObject* get_extent(PyObject* self, void*) {
  const Tealet* tealet = as_tealet(self);
  const Node* node = tealet->node;
  return PyLong_FromSize_t(node != nullptr ? tealet->domain->extent(*node) : 0);
}

PyGetSetDef attributes[] = {
    {"status", guarded<get_status>, nullptr, "What it is doing now: a Status.", nullptr},
    {"saved_bytes", guarded<get_saved_bytes>, nullptr,
     "Bytes of its stack on the heap now; those of a shared stack count in full.", nullptr},
    {"extent", guarded<get_extent>, nullptr,
     "How deep its stack is, in bytes: from where it paused, or is now, to where it began.",
     nullptr},
    {"parent", guarded<get_parent>, guarded<set_parent>,
     "The tealet that receives this one's result; at first the one that created it. None for a\n"
     "main tealet and for one that has ended. Setting it raises InvalidError if the new parent\n"
     "descends from this tealet, has ended, is a stub, or belongs to another domain.",
     nullptr},
    {"main", guarded<get_main>, nullptr, "The Main that this tealet belongs to.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

// --- slots ---

PyObject* slot_repr(PyObject* self) {
  const Tealet* tealet = as_tealet(self);
  const char* type = Py_TYPE(self)->tp_name;
  const char* status = tealet::describe(status_of(*tealet));
  PyObject* function = tealet->node != nullptr ? execution_of(*tealet->node).function : nullptr;
  if (function == nullptr) return PyUnicode_FromFormat("<%s %s at %p>", type, status, self);
  Py_INCREF(function);
  PyObject* name = attribute(function, "__qualname__");
  if (name == nullptr) {
    PyErr_Clear();
    name = PyObject_Repr(function);
  }
  Py_DECREF(function);
  if (name == nullptr) return nullptr;
  PyObject* text = PyUnicode_FromFormat("<%s %S %s at %p>", type, name, status, self);
  Py_DECREF(name);
  return text;
}

int slot_bool(PyObject* self) {
  const Status status = status_of(*as_tealet(self));
  return status != Status::New && status != Status::Exited;
}

void slot_finalize(PyObject* self);

int slot_traverse(PyObject* self, visitproc visit, void* arg) {
  const Tealet* tealet = as_tealet(self);
  Py_VISIT(Py_TYPE(self));
  if (tealet->domain == nullptr) return 0;
  if (!tealet->is_main()) Py_VISIT(main_object_of(tealet));
  // Main tealets are not counted as parents: every tealet owns a reference to its own.
  Tealet* parent = tealet->parent;
  if (parent != nullptr && !parent->is_main()) Py_VISIT(parent->object);
  if (tealet->node == nullptr) return 0;
  // The paused frames of a main tealet belong to its callers.
  if (tealet->is_main()) return 0;
  // Assigning to __class__ may have given it a __del__, which replaces slot_finalize(). Then the
  // collector must not find it, or it would clear what the paused frames use.
  if (Py_TYPE(self)->tp_finalize != static_cast<destructor>(guarded<slot_finalize>)) return 0;
  return visit_execution(execution_of(*tealet->node), visit, arg);
}

// For a new tealet whose function refers to it. A paused one has ended by now: slot_finalize().
int slot_clear(PyObject* self) {
  const Tealet* tealet = as_tealet(self);
  if (tealet->node != nullptr && tealet->node->status == Status::New) {
    Py_CLEAR(execution_of(*tealet->node).function);
  }
  return 0;
}

// The collector is about to break a cycle with this tealet, on any thread. It must not: the paused
// stack may borrow anything in reach. So the domain holds the tealet and ends it at the next safe
// point, which frees the cycle. This repeats at each collection until it has ended.
void slot_finalize(PyObject* self) {
  Tealet* tealet = as_tealet(self);
  allow_finalizing_again(self);
  if (tealet->domain == nullptr || tealet->node == nullptr || tealet->is_main()) return;
  PythonDomain& domain = *tealet->domain;
  if (tealet->node->status != Status::Suspended) return;
  domain.end_later(tealet);
}

// Replaces pybind11's, which calls Python's API in destructors and handlers: see guarded.hpp.
PyObject* slot_new(PyTypeObject* type, PyObject*, PyObject*) {
  if (has_other_values(type, {tealet_type, main_type})) {
    PyErr_Format(PyExc_TypeError, "%s cannot also derive from other extension types",
                 type->tp_name);
    return nullptr;
  }
  return new_object(type);
}

void refuse_to_create(PyTypeObject* type) {
  PyErr_Format(PyExc_TypeError,
               "%s cannot be called to create a tealet: use Main.tealet() or Main.stub()",
               type->tp_name);
}

int slot_init(PyObject* self, PyObject*, PyObject*) {
  refuse_to_create(Py_TYPE(self));
  return -1;
}

// Creates an object when Tealet, Main or a subclass is called. Replaces pybind11's, as above.
PyObject* call_type(PyObject* type, PyObject* arguments, PyObject* keywords) {
  PyObject* self = PyType_Type.tp_call(type, arguments, keywords);
  if (self == nullptr || !PyObject_TypeCheck(self, tealet_type)) return self;
  if (as_tealet(self)->domain != nullptr) return self;
  if (PyObject_TypeCheck(self, main_type)) {
    PyErr_Format(PyExc_TypeError, "%s.__init__() must be called when overriding __init__",
                 main_type->tp_name);
  } else {
    refuse_to_create(Py_TYPE(self));
  }
  Py_DECREF(self);
  return nullptr;
}

void slot_dealloc(PyObject* self) {
  Tealet* tealet = as_tealet(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject* main = nullptr;
  PyObject_GC_UnTrack(self);
  if (tealet->domain != nullptr) {
    // Alive again while it ends. That runs any code, which may keep it.
    Py_SET_REFCNT(self, 1);
    end_unreachable(tealet);
    Py_SET_REFCNT(self, Py_REFCNT(self) - 1);
    if (Py_REFCNT(self) != 0) {
      PyObject_GC_Track(self);
      return;
    }
    main = main_object_of(tealet);
  }
  clear_weak_references(self);
  type->tp_free(self);
  Py_XDECREF(main);
  Py_DECREF(type);
}

void set_up(PyHeapTypeObject* heap) {
  PyTypeObject& type = heap->ht_type;
  type.tp_name = "tealetpp.Tealet";
  type.tp_basicsize = sizeof(Instance<Main>);
  type.tp_flags |= Py_TPFLAGS_HAVE_GC;
  type.tp_methods = methods;
  type.tp_getset = attributes;
  type.tp_repr = guarded<slot_repr>;
  type.tp_new = guarded<slot_new>;
  type.tp_init = guarded<slot_init>;
  type.tp_dealloc = guarded<slot_dealloc>;
  type.tp_traverse = guarded<slot_traverse>;
  type.tp_clear = guarded<slot_clear>;
  type.tp_finalize = guarded<slot_finalize>;
  heap->as_number.nb_bool = guarded<slot_bool>;
}

}  // namespace

Status status_of(const Tealet& tealet) {
  return tealet.node == nullptr ? Status::Exited : tealet.node->status;
}

bool can_be_parent(PythonDomain& domain, Tealet* parent) {
  if (parent->domain == nullptr || parent->node == nullptr) {
    PyErr_Format(tealet_hooks.invalid_error, "%R has ended and cannot be a parent", parent->object);
    return false;
  }
  if (parent->domain != &domain) {
    PyErr_Format(tealet_hooks.invalid_error, "%R belongs to %R, not to %R", parent->object,
                 main_object_of(parent), domain.main_tealet->object);
    return false;
  }
  if (parent->node->status != Status::Stub) return true;
  PyErr_Format(tealet_hooks.invalid_error, "%R is a stub and cannot be a parent", parent->object);
  return false;
}

py::metaclass tealet_metaclass() {
  static const py::metaclass made =
      make_metaclass("tealetpp._tealetpp.TealetType", guarded<call_type>);
  return made;
}

void register_tealet(py::module_& module) {
  const py::class_<Tealet> type(module, "Tealet", tealet_metaclass(), py::custom_type_setup(set_up),
                                "A coroutine that can pause in the middle of any call. Made by "
                                "Main.tealet() and Main.stub().\n"
                                "A context manager: leaving it closes the tealet.");
  tealet_type = reinterpret_cast<PyTypeObject*>(type.ptr());
  for (const char* name : {"switch", "run", "throw", "close"}) {
    add_pausing_method(PyDict_GetItemString(tealet_type->tp_dict, name));
  }
}

}  // namespace tealetpp
