// The types Stats and StatsDifference. How they read is for tealetpp._report, in Python.
#include <new>
#include <type_traits>

#include "registry.hpp"

namespace tealetpp {

using tealet::stats_fields;
using tealet::StatsDifference;
using tealet::StatsField;

namespace {

// Whatever runs Python code, which may switch, is a plain method or slot: see objects.hpp.

PyObject* report(const char* function, PyObject* stats) {
  PyObject* module = PyImport_ImportModule("tealetpp._report");
  if (module == nullptr) return nullptr;
  PyObject* result = PyObject_CallMethod(module, function, "O", stats);
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

// The one argument, called stack_size, that both functions below take. False with an exception set.
bool parse_size(PyObject* arguments, PyObject* keywords, const char* format,
                std::size_t& size) {
  static char stack_size[] = "stack_size";
  static char* names[] = {stack_size, nullptr};
  PyObject* object = nullptr;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, format, names, &object)) return false;
  PyObject* number = PyNumber_Index(object);
  if (number == nullptr) return false;
  size = PyLong_AsSize_t(number);
  Py_DECREF(number);
  if (size != static_cast<std::size_t>(-1) || PyErr_Occurred() == nullptr) return true;
  PyErr_Format(PyExc_TypeError, "a stack of %R bytes", object);
  return false;
}

PyObject* fixed_stack_bytes(PyObject* self, PyObject* arguments, PyObject* keywords) {
  std::size_t size = 0;
  if (!parse_size(arguments, keywords, "O:fixed_stack_bytes", size)) return nullptr;
  return PyLong_FromSize_t(py::handle(self).cast<const Stats&>().fixed_stack_bytes(size));
}

PyObject* efficiency_vs(PyObject* self, PyObject* arguments, PyObject* keywords) {
  std::size_t size = 0;
  if (!parse_size(arguments, keywords, "O:efficiency_vs", size)) return nullptr;
  return PyFloat_FromDouble(py::handle(self).cast<const Stats&>().efficiency_vs(size));
}

// The figure of this name in `figures`, a dict: 0 if it has none. False with an exception set.
template <class Number>
bool read_figure(PyObject* figures, const char* name, Number& figure) {
  PyObject* key = PyUnicode_FromString(name);
  if (key == nullptr) return false;
  PyObject* value = PyDict_GetItemWithError(figures, key);
  Py_DECREF(key);
  if (value == nullptr) return PyErr_Occurred() == nullptr;
  if constexpr (std::is_signed_v<Number>) {
    figure = PyLong_AsSsize_t(value);
  } else {
    figure = PyLong_AsSize_t(value);
  }
  return figure != static_cast<Number>(-1) || PyErr_Occurred() == nullptr;
}

// What __reduce__() took apart. Figures that only another version has are left out.
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
  if constexpr (std::is_same_v<Value, Stats>) {
    std::size_t enabled = 0;
    if (!read_figure(figures, "enabled", enabled)) return nullptr;
    value.enabled = enabled != 0;
  }
  return to_python(value);
}

#define TEALETPP_REPORTS                                      \
  {"to_dict", to_dict, METH_NOARGS,                           \
   "to_dict($self, /)\n--\n\n"                                \
   "All figures and ratios by name, as a dict."},             \
      {"to_json", to_json, METH_NOARGS,                       \
       "to_json($self, /)\n--\n\n"                            \
       "The same as JSON text; an undefined ratio is null."}, \
      {"_repr_html_", to_html, METH_NOARGS, "_repr_html_($self, /)\n--\n\n"}

#define TEALETPP_COPIES(from_figures)                                         \
  {"__reduce__", reduce, METH_NOARGS, "__reduce__($self, /)\n--\n\n"},        \
      {"__copy__", copy, METH_NOARGS, "__copy__($self, /)\n--\n\n"},          \
      {"__deepcopy__", copy, METH_O, "__deepcopy__($self, memo, /)\n--\n\n"}, \
      {"_from_figures", from_figures, METH_O | METH_CLASS,                    \
       "_from_figures($type, figures, /)\n--\n\nFor pickle."}

PyMethodDef stats_methods[] = {
    TEALETPP_REPORTS,
    TEALETPP_COPIES((from_figures<Stats, &StatsField::value>)),
    {"fixed_stack_bytes", as_method(fixed_stack_bytes), METH_VARARGS | METH_KEYWORDS,
     "fixed_stack_bytes($self, /, stack_size)\n--\n\n"
     "What these tealets, main not counted, would take with stacks of this many bytes each."},
    {"efficiency_vs", as_method(efficiency_vs), METH_VARARGS | METH_KEYWORDS,
     "efficiency_vs($self, /, stack_size)\n--\n\n"
     "fixed_stack_bytes(stack_size) / stack_bytes; NaN when nothing is saved."},
    {nullptr, nullptr, 0, nullptr},
};

PyMethodDef difference_methods[] = {
    TEALETPP_REPORTS,
    TEALETPP_COPIES((from_figures<StatsDifference, &StatsField::difference>)),
    {nullptr, nullptr, 0, nullptr},
};

#undef TEALETPP_COPIES
#undef TEALETPP_REPORTS

// pybind11 goes on with the object that it asks for without looking whether it got one.
PyObject* allocate(PyTypeObject* type, Py_ssize_t items) {
  PyObject* object = PyType_GenericAlloc(type, items);
  if (object != nullptr) return object;
  PyErr_Clear();
  throw std::bad_alloc();  // which becomes a MemoryError
}

PyObject* refuse_to_make(PyTypeObject* type, PyObject*, PyObject*) {
  PyErr_Format(PyExc_TypeError, "%s: No constructor defined!", type->tp_name);
  return nullptr;
}

// `padding` makes the sizes differ, or assigning to __class__ could make one type of the other.
template <PyMethodDef* methods, Py_ssize_t padding>
void set_up(PyHeapTypeObject* heap) {
  heap->ht_type.tp_basicsize += padding;
  heap->ht_type.tp_methods = methods;
  heap->ht_type.tp_str = to_text;
  heap->ht_type.tp_repr = to_repr;
  heap->ht_type.tp_alloc = allocate;
  heap->ht_type.tp_new = refuse_to_make;
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

}  // namespace

void register_stats(py::module_& module) {
  py::class_<StatsDifference> difference(
      module, "StatsDifference",
      py::custom_type_setup(set_up<difference_methods, 2 * sizeof(void*)>),
      "What happened between two snapshots: later less earlier.");
  py::class_<Stats> stats(module, "Stats",
                          py::custom_type_setup(set_up<stats_methods, sizeof(void*)>),
                          "A snapshot of a domain's statistics. Sizes are bytes. Immutable.");
  for (const StatsField& field : stats_fields) {
    stats.def_property_readonly(field.name, [field](const Stats& s) { return s.*field.value; });
    difference.def_property_readonly(
        field.name, [field](const StatsDifference& d) { return d.*field.difference; });
  }
  stats.def_readonly("enabled", &Stats::enabled, "Whether statistics are compiled in.")
      .def_property_readonly("sharing_ratio", &Stats::sharing_ratio,
                             "stack_bytes_expanded / stack_bytes; NaN when nothing is saved.")
      .def_property_readonly("memory_efficiency", &Stats::memory_efficiency,
                             "stack_bytes_naive / stack_bytes; NaN when nothing is saved.")
      .def(
          "__sub__", [](const Stats& later, const Stats& earlier) { return later - earlier; },
          py::is_operator())
      .def("__eq__", &equal<Stats>, py::is_operator())
      .attr("__hash__") = py::none();
  difference.def("__eq__", &equal<StatsDifference>, py::is_operator()).attr("__hash__") =
      py::none();
}

}  // namespace tealetpp
