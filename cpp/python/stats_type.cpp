// The types Stats and StatsDifference. tealetpp._report, in Python, formats them.
//
// pybind11 makes the types, but dispatches no method of theirs: see pybind11_layout.hpp.
#include "python/stats_type.hpp"

#include <array>
#include <type_traits>
#include <utility>

#include "python/attribute.hpp"
#include "python/figure_table.hpp"
#include "python/guarded.hpp"
#include "python/method_table.hpp"
#include "python/pybind11_layout.hpp"
#include "python/registry.hpp"

namespace tealetpp {

using tealet::Stats;
using tealet::stats_fields;
using tealet::StatsDifference;
using tealet::StatsField;

namespace {

PyTypeObject* stats_type = nullptr;
PyTypeObject* difference_type = nullptr;

template <class Value>
PyObject* make(PyTypeObject* type, const Value& value) {
  PyObject* object = allocate_instance(type);
  if (object == nullptr) return nullptr;
  value_of<Value>(object) = value;
  show_value<Value>(object);
  return object;
}

PyObject* report(const char* function, PyObject* stats) {
  PyObject* module = PyImport_ImportModule("tealetpp._report");
  if (module == nullptr) return nullptr;
  PyObject* result = call_method(module, function, stats);
  Py_DECREF(module);
  return result;
}

PyObject* to_dict(PyObject* self, PyObject*) { return report("to_dict", self); }
PyObject* to_json(PyObject* self, PyObject*) { return report("to_json", self); }
PyObject* to_html(PyObject* self, PyObject*) { return report("to_html", self); }
PyObject* reduce(PyObject* self, PyObject*) { return report("reduce", self); }
// Immutable, so a copy is the object itself.
PyObject* copy(PyObject* self, PyObject*) { return Py_NewRef(self); }
PyObject* to_text(PyObject* self) { return report("to_text", self); }
PyObject* to_repr(PyObject* self) { return report("to_repr", self); }

// Reads the argument `stack_size` of the two functions below. False with an exception set.
bool parse_size(PyObject* arguments, PyObject* keywords, const char* format, std::size_t& size) {
  static char stack_size[] = "stack_size";
  static char* names[] = {stack_size, nullptr};
  PyObject* object = nullptr;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, format, names, &object)) return false;
  PyObject* number = PyNumber_Index(object);
  if (number == nullptr) return false;
  size = PyLong_AsSize_t(number);
  const bool fits = size != static_cast<std::size_t>(-1) || PyErr_Occurred() == nullptr;
  if (!fits) PyErr_Format(PyExc_ValueError, "no stack can have %R bytes", number);
  Py_DECREF(number);
  return fits;
}

PyObject* fixed_stack_bytes(PyObject* self, PyObject* arguments, PyObject* keywords) {
  std::size_t size = 0;
  if (!parse_size(arguments, keywords, "O:fixed_stack_bytes", size)) return nullptr;
  return PyLong_FromSize_t(value_of<Stats>(self).fixed_stack_bytes(size));
}

PyObject* efficiency_vs(PyObject* self, PyObject* arguments, PyObject* keywords) {
  std::size_t size = 0;
  if (!parse_size(arguments, keywords, "O:efficiency_vs", size)) return nullptr;
  return PyFloat_FromDouble(value_of<Stats>(self).efficiency_vs(size));
}

// Reads the figure called `name` from the dict `figures`; unchanged if it is not there. False with
// an exception set.
template <class Number>
bool read_figure(PyObject* figures, const char* name, Number& figure) {
  PyObject* key = PyUnicode_FromString(name);
  if (key == nullptr) return false;
  PyObject* value = PyDict_GetItemWithError(figures, key);
  Py_DECREF(key);
  if (value == nullptr) return PyErr_Occurred() == nullptr;
  if constexpr (std::is_floating_point_v<Number>) {
    figure = PyFloat_AsDouble(value);
  } else if constexpr (std::is_signed_v<Number>) {
    figure = PyLong_AsSsize_t(value);
  } else {
    figure = PyLong_AsSize_t(value);
  }
  return figure != static_cast<Number>(-1) || PyErr_Occurred() == nullptr;
}

// Restores what __reduce__() has pickled. Figures that this version does not know are ignored.
template <class Value, auto StatsField::* field>
PyObject* from_figures(PyObject*, PyObject* figures) {
  if (!PyDict_Check(figures)) {
    PyErr_Format(PyExc_TypeError, "the figures must be a dict, not %R", figures);
    return nullptr;
  }
  Value value;
  for (const StatsField& known : stats_fields) {
    if (!read_figure(figures, known.name, value.*(known.*field))) return nullptr;
  }
  if (!read_figure(figures, "seconds", value.seconds)) return nullptr;
  if constexpr (std::is_same_v<Value, Stats>) {
    std::size_t enabled = 0;
    if (!read_figure(figures, "enabled", enabled)) return nullptr;
    value.enabled = enabled != 0;
  }
  return make(std::is_same_v<Value, Stats> ? stats_type : difference_type, value);
}

#define TEALETPP_REPORTS                                      \
  {"to_dict", guarded<to_dict>, METH_NOARGS,                  \
   "to_dict($self, /)\n--\n\n"                                \
   "All figures and ratios by name, as a dict."},             \
      {"to_json", guarded<to_json>, METH_NOARGS,              \
       "to_json($self, /)\n--\n\n"                            \
       "The same as JSON text; an undefined ratio is null."}, \
      {"_repr_html_", guarded<to_html>, METH_NOARGS, "_repr_html_($self, /)\n--\n\n"}

#define TEALETPP_COPIES(from_figures)                                                  \
  {"__reduce__", guarded<reduce>, METH_NOARGS, "__reduce__($self, /)\n--\n\n"},        \
      {"__copy__", guarded<copy>, METH_NOARGS, "__copy__($self, /)\n--\n\n"},          \
      {"__deepcopy__", guarded<copy>, METH_O, "__deepcopy__($self, memo, /)\n--\n\n"}, \
      {"_from_figures", from_figures, METH_O | METH_CLASS,                             \
       "_from_figures($type, figures, /)\n--\n\nFor pickle."}

PyMethodDef stats_methods[] = {
    TEALETPP_REPORTS,
    TEALETPP_COPIES((guarded<from_figures<Stats, &StatsField::value>>)),
    {"fixed_stack_bytes", as_method(guarded<fixed_stack_bytes>), METH_VARARGS | METH_KEYWORDS,
     "fixed_stack_bytes($self, /, stack_size)\n--\n\n"
     "What these tealets, main not counted, would take with stacks of this many bytes each."},
    {"efficiency_vs", as_method(guarded<efficiency_vs>), METH_VARARGS | METH_KEYWORDS,
     "efficiency_vs($self, /, stack_size)\n--\n\n"
     "fixed_stack_bytes(stack_size) / stack_bytes; NaN when nothing is saved."},
    {nullptr, nullptr, 0, nullptr},
};

PyMethodDef difference_methods[] = {
    TEALETPP_REPORTS,
    TEALETPP_COPIES((guarded<from_figures<StatsDifference, &StatsField::difference>>)),
    {nullptr, nullptr, 0, nullptr},
};

#undef TEALETPP_COPIES
#undef TEALETPP_REPORTS

// --- attributes ---

PyObject* get_figure(PyObject* self, void* field) {
  return PyLong_FromSize_t(value_of<Stats>(self).*static_cast<const StatsField*>(field)->value);
}

PyObject* get_difference(PyObject* self, void* field) {
  return PyLong_FromSsize_t(value_of<StatsDifference>(self).*
                            static_cast<const StatsField*>(field)->difference);
}

PyObject* get_enabled(PyObject* self, void*) {
  return PyBool_FromLong(value_of<Stats>(self).enabled);
}

PyObject* get_sharing_ratio(PyObject* self, void*) {
  return PyFloat_FromDouble(value_of<Stats>(self).sharing_ratio());
}

PyObject* get_memory_efficiency(PyObject* self, void*) {
  return PyFloat_FromDouble(value_of<Stats>(self).memory_efficiency());
}

PyObject* get_bytes_by_kind(PyObject* self, void*) {
  const Stats& stats = value_of<Stats>(self);
  return Py_BuildValue("{s:n,s:n,s:n,s:n}", "saved_stacks", stats.saved_stack_bytes, "data_stacks",
                       stats.data_stack_bytes, "nodes", stats.node_bytes, "other",
                       stats.other_bytes);
}

template <class Value>
PyObject* get_seconds(PyObject* self, void*) {
  return PyFloat_FromDouble(value_of<Value>(self).seconds);
}

PyObject* get_per_second(PyObject* self, void*) {
  const StatsDifference& difference = value_of<StatsDifference>(self);
  PyObject* const rates = PyDict_New();
  for (const StatsField& field : stats_fields) {
    if (field.kind != tealet::StatsKind::total) continue;
    PyObject* const rate = PyFloat_FromDouble(difference.per_second(field.difference));
    const bool added =
        rates != nullptr && rate != nullptr && PyDict_SetItemString(rates, field.name, rate) == 0;
    Py_XDECREF(rate);
    if (added) continue;
    Py_XDECREF(rates);
    return nullptr;
  }
  return rates;
}

constexpr std::array difference_more_attributes{
    PyGetSetDef{"seconds", guarded<get_seconds<StatsDifference>>, nullptr,
                "Seconds between the two snapshots.", nullptr},
    PyGetSetDef{"per_second", guarded<get_per_second>, nullptr,
                "The rates: a dict of the figures that never fall, for each second between the "
                "snapshots. NaN if no time has passed.",
                nullptr},
};

constexpr std::array more_attributes{
    PyGetSetDef{"enabled", guarded<get_enabled>, nullptr, "Whether statistics are compiled in.",
                nullptr},
    PyGetSetDef{"sharing_ratio", guarded<get_sharing_ratio>, nullptr,
                "stack_bytes_expanded / stack_bytes; NaN when nothing is saved.", nullptr},
    PyGetSetDef{"memory_efficiency", guarded<get_memory_efficiency>, nullptr,
                "stack_bytes_naive / stack_bytes; NaN when nothing is saved.", nullptr},
    PyGetSetDef{"seconds", guarded<get_seconds<Stats>>, nullptr,
                "When it was taken: seconds of the clock of time.monotonic(). Does not count when "
                "snapshots are compared.",
                nullptr},
    PyGetSetDef{"bytes_by_kind", guarded<get_bytes_by_kind>, nullptr,
                "What the allocated bytes are for: a dict of bytes by saved_stacks, data_stacks, "
                "nodes and other. Their sum is bytes_allocated.",
                nullptr},
};

// A table of attributes: all figures, which `get` reads, then `more`, and the sentinel.
template <std::size_t count>
constexpr auto attributes_with(getter get, const std::array<PyGetSetDef, count>& more) {
  std::array<PyGetSetDef, stats_fields.size() + count + 1> attributes{};
  std::size_t n = 0;
  for (const StatsField& field : stats_fields) {
    attributes[n++] = {field.name, get, nullptr, field.meaning, const_cast<StatsField*>(&field)};
  }
  for (const PyGetSetDef& attribute : more) attributes[n++] = attribute;
  return attributes;
}

auto stats_attributes = attributes_with(guarded<get_figure>, more_attributes);
auto difference_attributes = attributes_with(guarded<get_difference>, difference_more_attributes);

// --- slots ---

PyObject* subtract(PyObject* later, PyObject* earlier) {
  if (!PyObject_TypeCheck(later, stats_type) || !PyObject_TypeCheck(earlier, stats_type)) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  return make(difference_type, value_of<Stats>(later) - value_of<Stats>(earlier));
}

template <class Value>
bool equal(const Value& a, const Value& b) {
  for (const StatsField& field : stats_fields) {
    if constexpr (std::is_same_v<Value, Stats>) {
      if (a.*field.value != b.*field.value) return false;
    } else {
      if (a.*field.difference != b.*field.difference) return false;
    }
  }
  if constexpr (std::is_same_v<Value, Stats>) return a.enabled == b.enabled;
  return true;
}

template <class Value, PyTypeObject** type>
PyObject* compare(PyObject* a, PyObject* b, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || !PyObject_TypeCheck(b, *type)) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  return PyBool_FromLong(equal(value_of<Value>(a), value_of<Value>(b)) == (operation == Py_EQ));
}

PyObject* refuse_to_make(PyTypeObject* type, PyObject*, PyObject*) {
  const char* const how = PyType_IsSubtype(type, stats_type)
                              ? "Main.stats() returns one"
                              : "subtract an earlier Stats from a later one";
  PyErr_Format(PyExc_TypeError, "%s cannot be called to create one: %s", type->tp_name, how);
  return nullptr;
}

int refuse_to_initialise(PyObject* self, PyObject*, PyObject*) {
  refuse_to_make(Py_TYPE(self), nullptr, nullptr);
  return -1;
}

void deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  clear_weak_references(self);
  type->tp_free(self);
  Py_DECREF(type);
}

// `padding` makes the sizes of the two types differ. Otherwise CPython would let a program make one
// type of the other by assigning to __class__.
template <class Value, PyMethodDef* methods, auto* attributes, Py_ssize_t padding>
void set_up(PyHeapTypeObject* heap) {
  PyTypeObject& type = heap->ht_type;
  type.tp_basicsize = sizeof(Instance<Value>) + padding;
  type.tp_hash = PyObject_HashNotImplemented;
  type.tp_methods = methods;
  type.tp_getset = attributes->data();
  type.tp_str = guarded<to_text>;
  type.tp_repr = guarded<to_repr>;
  type.tp_new = guarded<refuse_to_make>;
  type.tp_init = guarded<refuse_to_initialise>;
  type.tp_dealloc = guarded<deallocate>;
}

void set_up_stats(PyHeapTypeObject* heap) {
  set_up<Stats, stats_methods, &stats_attributes, 0>(heap);
  heap->ht_type.tp_richcompare = guarded<compare<Stats, &stats_type>>;
  heap->as_number.nb_subtract = guarded<subtract>;
}

void set_up_difference(PyHeapTypeObject* heap) {
  constexpr Py_ssize_t other = sizeof(Instance<Stats>) - sizeof(Instance<StatsDifference>);
  set_up<StatsDifference, difference_methods, &difference_attributes, other + 8>(heap);
  heap->ht_type.tp_richcompare = guarded<compare<StatsDifference, &difference_type>>;
}

// The table of figures for the Python part, as text.
//
// The columns are those of tealetpp._report.Figure.
constexpr std::array<std::array<const char*, 6>, stats_fields.size()> figures{{
#define TEALET_FIGURE(name, unit, kind, group, label, meaning) \
  {#name, #unit, #kind, #group, label, meaning},
#include <tealet/stats_figures.def>
}};

}  // namespace

PyObject* to_python(const Stats& stats) { return make(stats_type, stats); }

void register_stats(py::module_& module) {
  const py::class_<StatsDifference> difference(
      module, "StatsDifference", py::custom_type_setup(set_up_difference),
      "The change between two snapshots: later minus earlier.");
  const py::class_<Stats> stats(module, "Stats", py::custom_type_setup(set_up_stats),
                                "A snapshot of a domain's statistics. Sizes are bytes. Immutable.");
  stats_type = reinterpret_cast<PyTypeObject*>(stats.ptr());
  difference_type = reinterpret_cast<PyTypeObject*>(difference.ptr());

  add_figures(module, "_figures", figures);
}

}  // namespace tealetpp
