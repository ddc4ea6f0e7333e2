// The type Tealet.
#include <utility>

#include "port/compiler.hpp"
#include "python/attribute.hpp"
#include "python/collector.hpp"
#include "python/exceptions.hpp"
#include "python/guarded.hpp"
#include "python/paused_frames.hpp"
#include "python/registry.hpp"

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
  guard([&] { PyErr_Format(invalid_error, why, tealet->object()); });
  return nullptr;
}

TEALETPP_NOINLINE PyObject* refuse_arguments(PyObject* self, Py_ssize_t count, PyObject* keywords) {
  guard([&] {
    PyErr_Format(invalid_error, "%R has begun and can be handed one value at most, not %zd", self,
                 count + (keywords != nullptr ? PyTuple_GET_SIZE(keywords) : 0));
  });
  return nullptr;
}

}  // namespace

// --- what the C API offers too ---

// These guard what may run Python code themselves, so that they leave no frame of their own on the
// stack of a tealet that pauses here.

// The hot path: a paused tealet, and no value or one.
PyObject* method_switch(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                        PyObject* keywords) {
  TealetObject* tealet = as_tealet(self);
  if (!guard([&] { return ready(tealet); })) return nullptr;
  const Node& node = *tealet->node();
  if (node.status == Status::New) {
    if (execution_of(*tealet->node()).function != nullptr) {
      return start(tealet, arguments, count, keywords);
    }
    return refuse(tealet, "%R has no function to begin with: use run()");
  }
  if (node.status == Status::Stub) return refuse(tealet, "%R has no function yet: use run()");
  if (keywords != nullptr || count > 1) {
    return refuse_arguments(self, count, keywords);
  }
  PyObject* value = Py_NewRef(count == 1 ? arguments[0] : Py_None);
  if (node.status == Status::Running) return value;
  return transfer_to(tealet, {Signal::value, value});
}

namespace {

// A new reference to the exception that throw() raises in `tealet`; nullptr with an exception set,
// also if `tealet` is not ready for it.
PyObject* prepare_throw(TealetObject* tealet, PyObject* exception) {
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
  if (ready(tealet)) return exception;
  Py_DECREF(exception);
  return nullptr;
}

}  // namespace

PyObject* method_throw(PyObject* self, PyObject* exception) {
  TealetObject* tealet = as_tealet(self);
  exception = guard([&] { return prepare_throw(tealet, exception); });
  if (exception == nullptr) return nullptr;
  if (tealet->node()->status == Status::Running) {
    guard([&] { set_raised(exception); });
    return nullptr;
  }
  return transfer_to(tealet, {Signal::error, exception});
}

PyObject* method_close(PyObject* self, PyObject*) {
  TealetObject* tealet = as_tealet(self);
  const bool closed =
      guard([&] { return tealet->value.domain == nullptr || close_tealet(tealet); });
  return closed ? Py_NewRef(Py_None) : nullptr;
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

// A generator with a `with` block may be dropped, or found by the collector, where nothing can be
// closed: then that comes at the next occasion.
PyObject* method_exit(PyObject* self, PyObject* const* exception, Py_ssize_t count) {
  TealetObject* tealet = as_tealet(self);
  if (tealet->node() != nullptr && !tealet->domain().can_switch()) {
    const bool dropped = count != 0 && PyExceptionClass_Check(exception[0]) &&
                         PyErr_GivenExceptionMatches(exception[0], PyExc_GeneratorExit) != 0;
    if (dropped || is_collecting(tealet->domain())) {
      tealet->domain().end_later(tealet);
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
     "Returns what the next switch back passes: a value, or the result of a tealet whose\n"
     "parent is the caller. Raises what was thrown into the caller, or what left the function of\n"
     "such a tealet. On the running tealet it returns the value at once.\n\n"
     "Raises InvalidError, DefunctError, ThreadError, MemoryError or RecursionError if it cannot\n"
     "switch; every tealet is as it was then."},
    {"run", as_method(guarded<method_run>), METH_FASTCALL | METH_KEYWORDS,
     "run($self, function, /, *args, **kwargs)\n--\n\n"
     "Begin a new tealet or a stub with ``function(*args, **kwargs)``, now.\n\n"
     "Otherwise like switch(). Raises TypeError if ``function`` is not callable."},
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
  tealet->domain().end_pending();
  return 0;
}

// Plain getters: pybind11 would make up a C++ value for an object that was never initialised.
PyObject* get_status(PyObject* self, void*) { return to_python(status_of(as_tealet(self)->value)); }

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
  const TealetObject* tealet = as_tealet(self);
  const char* type = Py_TYPE(self)->tp_name;
  const char* status = tealet::describe(status_of(tealet->value));
  PyObject* function = tealet->node() != nullptr ? execution_of(*tealet->node()).function : nullptr;
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
  const Status status = status_of(as_tealet(self)->value);
  return status != Status::New && status != Status::Exited;
}

void slot_finalize(PyObject* self);

int slot_traverse(PyObject* self, visitproc visit, void* arg) {
  const TealetObject* tealet = as_tealet(self);
  Py_VISIT(Py_TYPE(self));
  if (tealet->value.domain == nullptr) return 0;
  if (!tealet->is_main()) Py_VISIT(tealet->value.main);
  // Main tealets are not counted as parents: value.main keeps them.
  TealetObject* parent = tealet->value.parent;
  if (parent != nullptr && !parent->is_main()) Py_VISIT(parent);
  if (tealet->node() == nullptr) return 0;
  // What a main tealet has paused is its callers': they own what their frames refer to.
  if (tealet->is_main()) return 0;
  // Assigning to __class__ may have given it a __del__, which is called in place of
  // slot_finalize(). Then the collector must not find it: nothing would keep what its paused frames
  // use.
  if (Py_TYPE(self)->tp_finalize != static_cast<destructor>(guarded<slot_finalize>)) return 0;
  return visit_execution(execution_of(*tealet->node()), visit, arg);
}

// A new tealet whose function refers to it. One that was paused has ended by now: slot_finalize().
int slot_clear(PyObject* self) {
  const TealetObject* tealet = as_tealet(self);
  if (tealet->node() != nullptr && tealet->node()->status == Status::New) {
    Py_CLEAR(execution_of(*tealet->node()).function);
  }
  return 0;
}

// The collector is about to break a cycle with this tealet, on any thread. It must not: the paused
// stack may borrow anything in reach. So the domain holds the tealet and ends it at the next
// occasion, which frees the cycle. This repeats at each collection until it has ended.
void slot_finalize(PyObject* self) {
  TealetObject* tealet = as_tealet(self);
  allow_finalizing_again(self);
  if (tealet->value.domain == nullptr || tealet->node() == nullptr || tealet->is_main()) return;
  PythonDomain& domain = tealet->domain();
  if (tealet->node()->status != Status::Suspended) return;
  domain.end_later(tealet);
}

// Whether some base of `type` is a type of pybind11's, but not one of ours. Their objects are laid
// out in another way.
bool has_other_values(PyTypeObject* type) {
  if (type == tealet_type || type == main_type) return false;
  return py::detail::with_internals([type](const py::detail::internals& internals) {
    const PyObject* bases = type->tp_mro;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
      auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(bases, i));
      if (base == tealet_type || base == main_type) continue;
      const auto known = internals.registered_types_py.find(base);
      if (known == internals.registered_types_py.end()) continue;
      // For a class made in Python pybind11 remembers the types that it derives from.
      for (const py::detail::type_info* info : known->second) {
        if (info->type == base) return true;
      }
    }
    return false;
  });
}

// Replaces pybind11's, which calls Python's API inside of destructors and handlers: see
// guarded.hpp.
PyObject* slot_new(PyTypeObject* type, PyObject*, PyObject*) {
  if (has_other_values(type)) {
    PyErr_Format(PyExc_TypeError, "%s cannot also derive from other extension types",
                 type->tp_name);
    return nullptr;
  }
  PyObject* self = type->tp_alloc(type, 0);
  if (self != nullptr) as_tealet(self)->base.simple_layout = true;
  return self;
}

int slot_init(PyObject* self, PyObject*, PyObject*) {
  PyErr_Format(PyExc_TypeError, "%s: No constructor defined!", Py_TYPE(self)->tp_name);
  return -1;
}

// Makes an object when Tealet, Main or a subclass is called. Replaces pybind11's, as above.
PyObject* call_type(PyObject* type, PyObject* arguments, PyObject* keywords) {
  PyObject* self = PyType_Type.tp_call(type, arguments, keywords);
  if (self == nullptr || !PyObject_TypeCheck(self, tealet_type)) return self;
  if (as_tealet(self)->value.domain != nullptr) return self;
  const bool is_main = PyObject_TypeCheck(self, main_type);
  PyErr_Format(PyExc_TypeError, "%s.__init__() must be called when overriding __init__",
               (is_main ? main_type : tealet_type)->tp_name);
  Py_DECREF(self);
  return nullptr;
}

void slot_dealloc(PyObject* self) {
  TealetObject* tealet = as_tealet(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (tealet->value.domain != nullptr) {
    // Alive again while it ends: that may run any code, which may even keep it.
    Py_SET_REFCNT(self, 1);
    end_unreachable(tealet);
    Py_SET_REFCNT(self, Py_REFCNT(self) - 1);
    if (Py_REFCNT(self) != 0) {
      PyObject_GC_Track(self);
      return;
    }
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

py::metaclass metaclass() {
  static PyObject* made = nullptr;
  if (made == nullptr) {
    PyTypeObject* base = py::detail::get_internals().default_metaclass;
    PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(guarded<call_type>)},
                           {Py_tp_dealloc, reinterpret_cast<void*>(base->tp_dealloc)},
                           {0, nullptr}};
    PyType_Spec spec{"tealetpp._tealetpp.TealetType", 0, 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    made = PyType_FromSpecWithBases(&spec, reinterpret_cast<PyObject*>(base));
    if (made == nullptr) throw py::error_already_set();
  }
  return py::metaclass(made);
}

void register_tealet(py::module_& module) {
  const py::class_<Tealet> type(module, "Tealet", metaclass(), py::custom_type_setup(set_up),
                                "A coroutine that can pause in the middle of any call. Made by "
                                "Main.tealet() and Main.stub().\n"
                                "A context manager: leaving it closes the tealet.");
  tealet_type = reinterpret_cast<PyTypeObject*>(type.ptr());
  for (const char* name : {"switch", "run", "throw", "close"}) {
    add_pausing_method(PyDict_GetItemString(tealet_type->tp_dict, name));
  }
}

}  // namespace tealetpp
