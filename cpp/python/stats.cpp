// The types Stats and StatsDifference. How they read is for tealetpp._report, in Python.
#include "registry.hpp"

namespace tealetpp {

using tealet::stats_fields;
using tealet::StatsDifference;
using tealet::StatsField;

namespace {

py::object report(const char* function, const py::object& stats) {
  return py::module_::import("tealetpp._report").attr(function)(stats);
}

template <class Class>
void add_reports(Class& type) {
  type.def(
          "to_dict", [](const py::object& self) { return report("to_dict", self); },
          "All figures and ratios by name, as a dict.")
      .def(
          "to_json", [](const py::object& self) { return report("to_json", self); },
          "The same as JSON text; an undefined ratio is null.")
      .def("__str__", [](const py::object& self) { return report("to_text", self); })
      .def("__repr__", [](const py::object& self) { return report("to_repr", self); })
      .def("_repr_html_", [](const py::object& self) { return report("to_html", self); });
}

bool equal(const Stats& a, const Stats& b) {
  for (const StatsField& field : stats_fields) {
    if (a.*field.value != b.*field.value) return false;
  }
  return a.enabled == b.enabled;
}

}  // namespace

void register_stats(py::module_& module) {
  py::class_<StatsDifference> difference(
      module, "StatsDifference", "What happened between two snapshots: later less earlier.");
  py::class_<Stats> stats(module, "Stats",
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
      .def("fixed_stack_bytes", &Stats::fixed_stack_bytes, py::arg("stack_size"),
           "What these tealets, main not counted, would take with stacks of this many bytes each.")
      .def("efficiency_vs", &Stats::efficiency_vs, py::arg("stack_size"),
           "fixed_stack_bytes(stack_size) / stack_bytes; NaN when nothing is saved.")
      .def(
          "__sub__", [](const Stats& later, const Stats& earlier) { return later - earlier; },
          py::is_operator())
      .def("__eq__", &equal, py::is_operator())
      .attr("__hash__") = py::none();
  add_reports(stats);
  add_reports(difference);
}

}  // namespace tealetpp
