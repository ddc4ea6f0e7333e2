#include "python/main_type.hpp"

#include <new>

#include "port/clock.hpp"
#include "python/attribute.hpp"
#include "python/error_types.hpp"
#include "python/exceptions.hpp"
#include "python/guarded.hpp"
#include "python/lifetime.hpp"
#include "python/method_table.hpp"
#include "python/paused_frames.hpp"
#include "python/registry.hpp"
#include "python/runnable.hpp"
#include "python/stats_type.hpp"
#include "python/tealet_attributes.hpp"
#include "python/tealet_costs.hpp"
#include "python/tealet_name.hpp"
#include "python/tealet_tree.hpp"
#include "python/tealet_type.hpp"

namespace tealetpp {

PyTypeObject* main_type = nullptr;

namespace {

// Whether `main` was initialised and can create tealets here and now. Sets an exception if not.
bool can_create(Tealet* main) {
  PythonDomain* domain = main->domain;
  if (domain == nullptr) {
    PyErr_SetString(PyExc_TypeError, "this Main was never initialised");
    return false;
  }
  if (!domain->end_pending() || !domain->is_ready()) return false;
  if (!domain->closing) return true;
  PyErr_Format(tealet_hooks.invalid_error, "%R is being closed", main->object);
  return false;
}

// --- methods ---

// Adds what the engine does not know.
Stats with_objects(Stats stats, const PythonDomain& domain) {
  if (stats.enabled) stats.object_bytes = domain.object_bytes;
  return stats;
}

struct TealetArguments {
  PyObject* run = Py_None;
  PyObject* parent = Py_None;
  PyObject* name = Py_None;
};

bool parse(TealetArguments& parsed, PyObject* const* arguments, Py_ssize_t count,
           PyObject* keywords) {
  if (count > 1) {
    PyErr_Format(PyExc_TypeError, "tealet() takes one positional argument at most, not %zd", count);
    return false;
  }
  if (count == 1) parsed.run = arguments[0];
  const Py_ssize_t named = keywords != nullptr ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GET_ITEM(keywords, i);
    if (count == 0 && PyUnicode_CompareWithASCIIString(name, "run") == 0) {
      parsed.run = arguments[count + i];
    } else if (PyUnicode_CompareWithASCIIString(name, "parent") == 0) {
      parsed.parent = arguments[count + i];
    } else if (PyUnicode_CompareWithASCIIString(name, "name") == 0) {
      parsed.name = arguments[count + i];
    } else {
      PyErr_Format(PyExc_TypeError, "tealet() got an unexpected or repeated argument %R", name);
      return false;
    }
  }
  return true;
}

PyObject* method_tealet(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                        PyObject* keywords) {
  TealetArguments parsed;
  if (!parse(parsed, arguments, count, keywords)) return nullptr;
  return create_tealet(as_tealet(self), parsed.run, parsed.parent, parsed.name);
}

PyObject* method_stub(PyObject* self, PyObject*) {
  Tealet* main = as_tealet(self);
  Tealet* tealet = new_tealet();
  if (tealet == nullptr) return nullptr;
  Node* node = nullptr;
  bool failed = !can_create(main);
  if (!failed) {
    const Errc code = main->domain->create_stub(sizeof(Execution), node);
    failed = code != Errc::ok;
    if (failed) set_error(code, main);
  }
  if (failed) {
    Py_DECREF(tealet->object);
    return nullptr;
  }
  bind(tealet, *main->domain, *node);
  return tealet->object;
}

PyObject* method_stats(PyObject* self, PyObject*) { return to_python(stats_of(*as_tealet(self))); }

PyObject* method_survey(PyObject* self, PyObject* arguments, PyObject* keywords) {
  PyObject* largest_object = nullptr;  // _costs.survey() has the default
  static char largest[] = "largest";
  static char* names[] = {largest, nullptr};
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|O:survey", names, &largest_object))
    return nullptr;
  return call_function("tealetpp._costs", "survey", self, largest_object);
}

#if TEALET_WITH_STATS
PyObject* method_stats_by_walk(PyObject* self, PyObject*) {
  const PythonDomain* domain = as_tealet(self)->domain;
  Stats stats;
  try {
    if (domain != nullptr) stats = with_objects(domain->stats_by_walk(), *domain);
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
  return to_python(stats);
}
#endif

#if TEALET_CHECKS
PyObject* method_verify(PyObject* self, PyObject*) {
  PythonDomain* domain = as_tealet(self)->domain;
  try {
    if (domain != nullptr) domain->verify();
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
  Py_RETURN_NONE;
}
#endif

PyObject* method_reset_peak_stats(PyObject* self, PyObject*) {
  if (PythonDomain* domain = as_tealet(self)->domain) domain->reset_peak_stats();
  Py_RETURN_NONE;
}

PyObject* method_trim(PyObject* self, PyObject*) {
  PythonDomain* domain = as_tealet(self)->domain;
  return PyLong_FromSize_t(domain != nullptr ? domain->memory().trim() : 0);
}

PyObject* method_tealets(PyObject* self, PyObject*) { return tealets_of(*as_tealet(self)); }

PyObject* method_print_tree(PyObject* self, PyObject* arguments, PyObject* keywords) {
  PyObject* file_object = Py_None;
  static char file[] = "file";
  static char* names[] = {file, nullptr};
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|O:print_tree", names, &file_object))
    return nullptr;
  return call_function("tealetpp._listing", "print_tree", self, file_object);
}

PyMethodDef methods[] = {
    {"tealet", as_method(guarded<method_tealet>), METH_FASTCALL | METH_KEYWORDS,
     "tealet($self, run=None, *, parent=None, name=None)\n--\n\n"
     "Return a new tealet that will run ``run``.\n\n"
     "Its result is delivered to ``parent``, the running tealet unless given. Without ``run`` it\n"
     "can be begun with Tealet.run(). It inherits a copy of the context variables. ``name`` is\n"
     "shown instead of that of ``run``.\n\n"
     "Raises TypeError, InvalidError, ThreadError or MemoryError."},
    {"stub", guarded<method_stub>, METH_NOARGS,
     "stub($self, /)\n--\n\n"
     "Return a stub: a tealet with a captured stack and no function yet.\n\n"
     "Its duplicates share one stack until they run."},
    {"tealets", guarded<method_tealets>, METH_NOARGS,
     "tealets($self, /)\n--\n\n"
     "Return a list of all tealets of this domain as they are now, parents first.\n\n"
     "This Main is the first of them. Once the domain is closed the list is empty."},
    {"print_tree", as_method(guarded<method_print_tree>), METH_VARARGS | METH_KEYWORDS,
     "print_tree($self, /, file=None)\n--\n\n"
     "Print the tree of all tealets of this domain, a line for each.\n\n"
     "It has the status, the bytes saved, the depth in bytes, the name, and where it is paused.\n"
     "``file`` is sys.stdout unless given."},
    {"stats", guarded<method_stats>, METH_NOARGS,
     "stats($self, /)\n--\n\n"
     "Return the statistics of this domain as they are now: a Stats.\n\n"
     "Once the domain is closed these are its final ones."},
#if TEALET_WITH_STATS
    {"_stats_by_walk", guarded<method_stats_by_walk>, METH_NOARGS,
     "_stats_by_walk($self, /)\n--\n\n"
     "The same as stats(), counted by a walk over all tealets and chunks: for tests."},
#endif
#if TEALET_CHECKS
    {"_verify", guarded<method_verify>, METH_NOARGS,
     "_verify($self, /)\n--\n\n"
     "End the process if an invariant of this domain is broken: for tests."},
#endif
    {"survey", as_method(guarded<method_survey>), METH_VARARGS | METH_KEYWORDS,
     "survey($self, /, largest=10)\n--\n\n"
     "Return a Survey: what all tealets but main take, summed up in one walk over them.\n\n"
     "``largest`` is how many of the largest to list. Raises ValueError if it is negative."},
    {"_measure", guarded<method_measure>, METH_O,
     "_measure($self, largest, /)\n--\n\n"
     "Return the figures of a Survey: for tealetpp._costs."},
    {"reset_peak_stats", guarded<method_reset_peak_stats>, METH_NOARGS,
     "reset_peak_stats($self, /)\n--\n\n"
     "Set the peaks of bytes and blocks to what is allocated now."},
    {"trim", guarded<method_trim>, METH_NOARGS,
     "trim($self, /)\n--\n\n"
     "Return the cached blocks to malloc(). Returns how many bytes they had."},
    {nullptr, nullptr, 0, nullptr},
};

PyObject* get_current(PyObject* self, void*) { return current_of(as_tealet(self)->domain); }

PyObject* get_previous(PyObject* self, void*) {
  PythonDomain* domain = as_tealet(self)->domain;
  Node* node = domain != nullptr && domain->is_open() ? domain->previous() : nullptr;
  if (node == nullptr || !has_object(*node)) Py_RETURN_NONE;
  return Py_NewRef(tealet_of(*node)->object);
}

PyGetSetDef attributes[] = {
    {"current", guarded<get_current>, nullptr, "The tealet that runs now; None once closed.",
     nullptr},
    {"previous", guarded<get_previous>, nullptr,
     "The tealet that switched to the running one; None if there is none, or it has ended.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

// --- slots ---

// Reads None, which is no limit, or a number of bytes. False with an exception set.
bool parse_limit(PyObject* object, std::size_t& limit) {
  limit = tealet::CountingAllocator::no_limit;
  if (object == Py_None) return true;
  PyObject* number = PyNumber_Index(object);
  if (number == nullptr) return false;
  const Py_ssize_t value = PyLong_AsSsize_t(number);
  const bool too_large = value == -1 && PyErr_Occurred() != nullptr;
  if (too_large || value < 0) {
    PyErr_Format(too_large ? PyExc_OverflowError : PyExc_ValueError,
                 "memory_limit must be from 0 to %zd bytes, not %S", PY_SSIZE_T_MAX, number);
  }
  Py_DECREF(number);
  limit = static_cast<std::size_t>(value);
  return !too_large && value >= 0;
}

int slot_init(PyObject* self, PyObject* arguments, PyObject* keywords) {
  Tealet* main = as_tealet(self);
  PyObject* limit_object = Py_None;
  int track = 0;
  static char memory_limit[] = "memory_limit";
  static char track_name[] = "track";
  static char* names[] = {memory_limit, track_name, nullptr};
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|$Op:Main", names, &limit_object, &track))
    return -1;
  std::size_t limit = 0;
  if (!parse_limit(limit_object, limit)) return -1;
  if (main->domain != nullptr) {
    PyErr_Format(tealet_hooks.invalid_error, "%R was initialised already", self);
    return -1;
  }
  if (!open_domain(main, tealet_hooks, limit)) return -1;
  if (track != 0) main->domain->track();
  show_value<Main>(self);
  return 0;
}

void slot_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  free_domain_of(as_tealet(self));
  drop_references(self);
  type->tp_free(self);
  Py_DECREF(type);
}

void set_up(PyHeapTypeObject* heap) {
  PyTypeObject& type = heap->ht_type;
  type.tp_name = "tealetpp.Main";
  // Not the size of a Tealet. With equal sizes, CPython would let a program make one type of the
  // other by assigning to __class__.
  type.tp_basicsize = sizeof(Instance<Main>) + sizeof(void*);
  type.tp_flags |= Py_TPFLAGS_HAVE_GC;
  type.tp_methods = methods;
  type.tp_getset = attributes;
  type.tp_new = tealet_type->tp_new;
  type.tp_init = guarded<slot_init>;
  type.tp_dealloc = guarded<slot_dealloc>;
  type.tp_traverse = tealet_type->tp_traverse;
  type.tp_clear = tealet_type->tp_clear;
  type.tp_repr = tealet_type->tp_repr;
  heap->as_number.nb_bool = tealet_type->tp_as_number->nb_bool;
}

// Gives Main a method `switch` of its own, the same function as Tealet's. CPython's specialised
// call of a method, which needs the least C stack, requires an object of exactly the type that
// defines it. Most tealets pause in main.switch().
void own_switch() {
  const py::object inherited =
      py::handle(reinterpret_cast<PyObject*>(tealet_type)).attr("__dict__")["switch"];
  const auto* descriptor = reinterpret_cast<PyMethodDescrObject*>(inherited.ptr());
  py::handle main(reinterpret_cast<PyObject*>(main_type));
  main.attr("switch") =
      py::reinterpret_steal<py::object>(PyDescr_NewMethod(main_type, descriptor->d_method));
  add_pausing_method(PyDict_GetItemString(main_type->tp_dict, "switch"));
}

}  // namespace

PyObject* create_tealet(Tealet* main, PyObject* run, PyObject* parent_object, PyObject* name) {
  if (run != Py_None && !is_runnable(run, "a tealet runs a callable, not %R")) return nullptr;
  if (parent_object != Py_None && !PyObject_TypeCheck(parent_object, tealet_type)) {
    PyErr_Format(PyExc_TypeError, "a parent must be a tealet, not %R", parent_object);
    return nullptr;
  }
  if (name != Py_None && !is_name(name)) return nullptr;
  Tealet* parent = parent_object != Py_None ? as_tealet(parent_object) : nullptr;
  Tealet* tealet = new_tealet();
  if (tealet == nullptr) return nullptr;
  PyObject* context = nullptr;
  const bool is_named = name == Py_None || give_name(tealet->object, name);
  if (is_named) context = copy_context(PyThreadState_Get());
  const bool failed = (context == nullptr && PyErr_Occurred() != nullptr) || !can_create(main) ||
                      (parent != nullptr && !can_be_parent(*main->domain, parent));
  Node* node = failed ? nullptr : main->domain->create(sizeof(Execution));
  if (node == nullptr) {
    if (!failed) set_error(Errc::memory, main);
    Py_XDECREF(context);
    Py_DECREF(tealet->object);
    return nullptr;
  }
  PythonDomain& domain = *main->domain;
  if (parent != nullptr) domain.set_parent(*node, *parent->node);
  Execution& execution = execution_of(*node);
  execution.context = context;
  if (run != Py_None) execution.function = Py_NewRef(run);
  bind(tealet, domain, *node);
  return tealet->object;
}

PyObject* current_of(const PythonDomain* domain) {
  if (domain == nullptr || !domain->is_open()) Py_RETURN_NONE;
  return Py_NewRef(domain->current_tealet->object);
}

Stats stats_of(const Tealet& main) {
  if (main.domain == nullptr) return {};
  Stats stats = with_objects(main.domain->stats(), *main.domain);
  stats.seconds = tealet::port::monotonic_seconds();
  return stats;
}

void register_main(py::module_& module) {
  const py::class_<Main, Tealet> type(
      module, "Main", tealet_metaclass(), py::custom_type_setup(set_up),
      "Main(*, memory_limit=None, track=False)\n--\n\n"
      "A domain of tealets on this thread, and itself the main tealet: the execution that made "
      "it.\n\n"
      "A context manager: leaving it closes every tealet still alive, then the domain.\n"
      "``memory_limit`` is the most bytes that the domain may take at once; past it, MemoryError.\n"
      "``track`` records the history of each tealet, in 32 bytes: see Tealet.stats().");
  main_type = reinterpret_cast<PyTypeObject*>(type.ptr());
  own_switch();
}

}  // namespace tealetpp
