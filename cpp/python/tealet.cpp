// The type Tealet.
#include <utility>

#include "errors.hpp"
#include "registry.hpp"

namespace tealetpp {

PyTypeObject* tealet_type = nullptr;

namespace {

// Whether `tealet` was made by a Main, and can be used here and now. Sets an exception if not.
bool ready(TealetObject* tealet) {
  if (tealet->value.domain != nullptr) return tealet->domain().check(tealet);
  PyErr_SetString(PyExc_TypeError, "this tealet was never initialised: Main.tealet() makes them");
  return false;
}

PyObject* refuse(TealetObject* tealet, const char* why) {
  PyErr_Format(invalid_error, why, tealet->object());
  return nullptr;
}

}  // namespace

// --- what the C API offers too ---

// The hot path: a paused tealet, and no value or one.
PyObject* method_switch(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                        PyObject* keywords) {
  TealetObject* tealet = as_tealet(self);
  if (!ready(tealet)) return nullptr;
  const Node& node = *tealet->node();
  if (node.status == Status::New) {
    if (execution_of(*tealet->node()).function != nullptr) {
      return start(tealet, arguments, count, keywords);
    }
    return refuse(tealet, "%R has no function to begin with: use run()");
  }
  if (node.status == Status::Stub) return refuse(tealet, "%R has no function yet: use run()");
  if (keywords != nullptr || count > 1) {
    PyErr_Format(invalid_error, "%R has begun and can be handed one value at most, not %zd", self,
                 count + (keywords != nullptr ? PyTuple_GET_SIZE(keywords) : 0));
    return nullptr;
  }
  PyObject* value = Py_NewRef(count == 1 ? arguments[0] : Py_None);
  if (node.status == Status::Running) return value;
  return exchange(tealet, {Signal::value, value});
}

PyObject* method_throw(PyObject* self, PyObject* exception) {
  TealetObject* tealet = as_tealet(self);
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
  if (!ready(tealet)) {
    Py_DECREF(exception);
    return nullptr;
  }
  if (tealet->node()->status == Status::Running) {
    set_raised(exception);
    return nullptr;
  }
  return exchange(tealet, {Signal::error, exception});
}

PyObject* method_close(PyObject* self, PyObject*) {
  TealetObject* tealet = as_tealet(self);
  if (tealet->value.domain != nullptr && !close_tealet(tealet)) return nullptr;
  Py_RETURN_NONE;
}

PyObject* get_parent(PyObject* self, void*) {
  const TealetObject* parent = as_tealet(self)->value.parent;
  return parent == nullptr ? Py_NewRef(Py_None)
                           : Py_NewRef(reinterpret_cast<const PyObject*>(parent));
}

PyObject* get_main(PyObject* self, void*) {
  const TealetObject* main = as_tealet(self)->value.main;
  return main == nullptr ? Py_NewRef(Py_None) : Py_NewRef(reinterpret_cast<const PyObject*>(main));
}

namespace {

// --- methods ---

bool has_no_function(TealetObject* tealet) {
  if (execution_of(*tealet->node()).function == nullptr) return true;
  refuse(tealet, "%R has a function already: use switch()");
  return false;
}

PyObject* method_run(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                     PyObject* keywords) {
  TealetObject* tealet = as_tealet(self);
  if (!ready(tealet) || !can_begin(tealet)) return nullptr;
  if (count == 0) {
    PyErr_SetString(PyExc_TypeError, "run() needs a function to run");
    return nullptr;
  }
  if (!PyCallable_Check(arguments[0])) {
    PyErr_Format(PyExc_TypeError, "run() needs a callable, not %R", arguments[0]);
    return nullptr;
  }
  // A stub has the context variables of where it is run; a new tealet, of where it was created.
  // Copying them may collect garbage, and that may run anything.
  PyObject* context = nullptr;
  if (tealet->node()->status == Status::Stub) {
    context = copy_context(PyThreadState_Get());
    if (context == nullptr && PyErr_Occurred()) return nullptr;
  }
  if (!can_begin(tealet) || !has_no_function(tealet)) {
    Py_XDECREF(context);
    return nullptr;
  }
  Execution& execution = execution_of(*tealet->node());
  if (context != nullptr) Py_XSETREF(execution.context, context);
  execution.function = Py_NewRef(arguments[0]);
  PyObject* result = start(tealet, arguments + 1, count - 1, keywords);
  if (result == nullptr && tealet->node() != nullptr) {
    // Not begun: as it was.
    const Status status = tealet->node()->status;
    if (status == Status::New || status == Status::Stub) {
      Py_CLEAR(execution_of(*tealet->node()).function);
    }
  }
  return result;
}

// Whether `tealet` is a stub, and can be used here and now. Sets an exception if not.
bool can_duplicate(TealetObject* tealet) {
  if (!ready(tealet)) return false;
  const Status status = tealet->node()->status;
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
  TealetObject* tealet = as_tealet(self);
  TealetObject* twin = new_object();
  if (twin == nullptr) return nullptr;
  const bool refused = !can_duplicate(tealet);
  Node* node = refused ? nullptr : tealet->domain().duplicate(*tealet->node());
  if (node == nullptr) {
    if (!refused) set_error(Errc::memory, tealet);
    Py_DECREF(twin->object());
    return nullptr;
  }
  return bind(twin, tealet->domain(), *node);
}

PyObject* method_enter(PyObject* self, PyObject*) { return Py_NewRef(self); }

PyObject* method_exit(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  PyObject* result = method_close(self, nullptr);
  // Whoever calls this without an `except` or `with` around it may still say what happened before.
  if (result != nullptr || count < 2 || !PyExceptionInstance_Check(arguments[1])) return result;
  PyObject* raised = take_raised();
  add_context(raised, arguments[1]);
  set_raised(raised);
  return nullptr;
}

// For pickle and copy. A stack cannot be moved, nor be copied once Python frames are on it.
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
     "Returns what the next switch to the caller brings: a value, or the result of a tealet whose\n"
     "parent is the caller. Raises what was thrown into the caller, or what left the function of\n"
     "such a tealet. On the running tealet it returns the value at once.\n\n"
     "Raises InvalidError, DefunctError, ThreadError, MemoryError or RecursionError if it cannot\n"
     "switch; every tealet is as it was then."},
    {"run", as_method(method_run), METH_FASTCALL | METH_KEYWORDS,
     "run($self, function, /, *args, **kwargs)\n--\n\n"
     "Begin a new tealet or a stub with ``function(*args, **kwargs)``, now.\n\n"
     "Otherwise like switch(). Raises TypeError if ``function`` is not callable."},
    {"throw", as_method(method_throw), METH_O,
     "throw($self, exception, /)\n--\n\n"
     "Resume this tealet by raising ``exception``, an instance or a class, at its pause point.\n\n"
     "A tealet that has not begun ends at once; its parent receives the exception. Otherwise like\n"
     "switch()."},
    {"duplicate", as_method(method_duplicate), METH_NOARGS,
     "duplicate($self, /)\n--\n\n"
     "Return a second stub that shares this stub's stack.\n\n"
     "Raises InvalidError for anything but a stub."},
    {"close", as_method(method_close), METH_NOARGS,
     "close($self, /)\n--\n\n"
     "End this tealet: raise TealetExit at its pause point, let it unwind, free it.\n\n"
     "Does nothing if it has ended. On the running tealet it raises TealetExit. Raises what else\n"
     "leaves the tealet's function, and TealetError if it switches away instead of ending."},
    {"__reduce__", method_reduce, METH_NOARGS,
     "__reduce__($self, /)\n--\n\nRaises TypeError: a tealet can be neither pickled nor copied."},
    {"__enter__", as_method(method_enter), METH_NOARGS, "__enter__($self, /)\n--\n\n"},
    {"__exit__", as_method(method_exit), METH_FASTCALL,
     "__exit__($self, *exception)\n--\n\nclose()."},
    {nullptr, nullptr, 0, nullptr},
};

// --- attributes that hand out or change references ---

int set_parent(PyObject* self, PyObject* value, void*) {
  TealetObject* tealet = as_tealet(self);
  if (value == nullptr || !PyObject_TypeCheck(value, tealet_type)) {
    PyErr_Format(PyExc_TypeError, "a parent must be a tealet, not %R",
                 value != nullptr ? value : Py_None);
    return -1;
  }
  TealetObject* parent = as_tealet(value);
  if (!ready(tealet) || !can_be_parent(tealet->domain(), parent)) return -1;
  if (tealet->is_main()) {
    refuse(tealet, "%R is a main tealet and has no parent");
    return -1;
  }
  if (tealet->domain().set_parent(*tealet->node(), *parent->node()) != Errc::ok) {
    PyErr_Format(invalid_error, "%R cannot be the parent of %R: it descends from it", value, self);
    return -1;
  }
  tealet->domain().settle();
  return 0;
}

// Plain getters: pybind11 would make up a C++ value for an object that was never initialised.
PyObject* get_status(PyObject* self, void*) {
  return to_python(status_of(as_tealet(self)->value));
}

PyObject* get_saved_bytes(PyObject* self, void*) {
  const TealetObject* tealet = as_tealet(self);
  const Node* node = tealet->node();
  return PyLong_FromSize_t(node != nullptr ? tealet->domain().saved_bytes(*node) : 0);
}

PyObject* get_extent(PyObject* self, void*) {
  const TealetObject* tealet = as_tealet(self);
  const Node* node = tealet->node();
  return PyLong_FromSize_t(node != nullptr ? tealet->domain().extent(*node) : 0);
}

PyGetSetDef attributes[] = {
    {"status", get_status, nullptr, "What it is doing now: a Status.", nullptr},
    {"saved_bytes", get_saved_bytes, nullptr,
     "Bytes of its stack on the heap now; those of a shared stack count in full.", nullptr},
    {"extent", get_extent, nullptr,
     "How deep its stack is, in bytes: from where it paused, or is now, to where it began.",
     nullptr},
    {"parent", get_parent, set_parent,
     "The tealet that receives this one's result; at first the one that created it. None for a\n"
     "main tealet and for one that has ended. Setting it raises InvalidError if the new parent\n"
     "descends from this tealet, has ended, is a stub, or belongs to another domain.",
     nullptr},
    {"main", get_main, nullptr, "The Main that this tealet belongs to.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

// --- slots ---

PyObject* slot_repr(PyObject* self) {
  const TealetObject* tealet = as_tealet(self);
  const char* type = Py_TYPE(self)->tp_name;
  const char* status = tealet::describe(status_of(tealet->value));
  PyObject* function = tealet->node() != nullptr ? execution_of(*tealet->node()).function : nullptr;
  if (function == nullptr) return PyUnicode_FromFormat("<%s %s at %p>", type, status, self);
  Py_INCREF(function);
  PyObject* name = PyObject_GetAttrString(function, "__qualname__");
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
  const Status status = status_of(as_tealet(self)->value);
  return status != Status::New && status != Status::Exited;
}

int slot_traverse(PyObject* self, visitproc visit, void* arg) {
  const TealetObject* tealet = as_tealet(self);
  Py_VISIT(Py_TYPE(self));
  if (tealet->value.domain == nullptr) return 0;
  if (!tealet->is_main()) Py_VISIT(tealet->value.main);
  // Main tealets are not counted as parents: value.main keeps them.
  TealetObject* parent = tealet->value.parent;
  if (parent != nullptr && !parent->is_main()) Py_VISIT(parent);
  return tealet->node() == nullptr ? 0 : visit_execution(execution_of(*tealet->node()), visit, arg);
}

// A new tealet whose function refers to it. One that was paused has ended by now: slot_finalize().
int slot_clear(PyObject* self) {
  const TealetObject* tealet = as_tealet(self);
  if (tealet->node() != nullptr && tealet->node()->status == Status::New) {
    Py_CLEAR(execution_of(*tealet->node()).function);
  }
  return 0;
}

// In a cycle that the garbage collector is about to break: it must not, since the stack of a paused
// tealet may borrow anything that is in reach. So the tealet lives on, and ends when the collection
// is over; with its frames the cycle goes too.
void slot_finalize(PyObject* self) {
  TealetObject* tealet = as_tealet(self);
  if (tealet->value.domain == nullptr || tealet->node() == nullptr) return;
  if (tealet->domain().status(*tealet->node()) != Status::Suspended) return;
  Py_INCREF(self);
  tealet->value.collected = true;
  tealet->domain().keep(tealet);
}

void slot_dealloc(PyObject* self) {
  TealetObject* tealet = as_tealet(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (tealet->value.domain != nullptr) {
    // Alive again while it ends: that may run any code, which may even keep it.
    Py_SET_REFCNT(self, 1);
    const bool ended = end_unreachable(tealet);
    if (!ended || Py_REFCNT(self) > 1) {
      PyObject_GC_Track(self);
      if (ended) Py_DECREF(self);
      return;
    }
    Py_SET_REFCNT(self, 0);
  }
  if (tealet->base.weakrefs != nullptr) PyObject_ClearWeakRefs(self);
  PyObject* main = reinterpret_cast<PyObject*>(std::exchange(tealet->value.main, nullptr));
  type->tp_free(self);
  Py_XDECREF(main);
  Py_DECREF(type);
}

void set_up(PyHeapTypeObject* heap) {
  PyTypeObject& type = heap->ht_type;
  type.tp_name = "tealetpp.Tealet";
  type.tp_basicsize = sizeof(TealetObject);
  type.tp_flags |= Py_TPFLAGS_HAVE_GC;
  type.tp_methods = methods;
  type.tp_getset = attributes;
  type.tp_repr = slot_repr;
  type.tp_dealloc = slot_dealloc;
  type.tp_traverse = slot_traverse;
  type.tp_clear = slot_clear;
  type.tp_finalize = slot_finalize;
  heap->as_number.nb_bool = slot_bool;
}

}  // namespace

Status status_of(const Tealet& tealet) {
  return tealet.node == nullptr ? Status::Exited : tealet.domain->status(*tealet.node);
}

bool can_be_parent(PythonDomain& domain, TealetObject* parent) {
  if (parent->value.domain == nullptr || parent->node() == nullptr) {
    PyErr_Format(invalid_error, "%R has ended and cannot be a parent", parent->object());
    return false;
  }
  if (parent->value.domain != &domain) {
    PyErr_Format(invalid_error, "%R belongs to %R, not to %R", parent->object(),
                 parent->value.main->object(), domain.main_object->object());
    return false;
  }
  if (parent->node()->status != Status::Stub) return true;
  PyErr_Format(invalid_error, "%R is a stub and cannot be a parent", parent->object());
  return false;
}

void register_tealet(py::module_& module) {
  const py::class_<Tealet> type(module, "Tealet", py::custom_type_setup(set_up),
                                "A coroutine that can pause in the middle of any call. Made by "
                                "Main.tealet() and Main.stub().\n"
                                "A context manager: leaving it closes the tealet.");
  tealet_type = reinterpret_cast<PyTypeObject*>(type.ptr());
}

}  // namespace tealetpp
