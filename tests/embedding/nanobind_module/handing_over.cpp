// C++ code called from a Python tealet pauses that tealet in the middle of its work, through the C
// API for extension modules: docs/python-c-api.md.
#include "handing_over.hpp"

#include <tealet/tealet_python.h>

#include <cstddef>

#include "walk.hpp"

namespace nb = nanobind;

namespace {

// What a function of the API returned, or the exception that it has set.
nb::object checked(PyObject* result) {
  if (result == nullptr) throw nb::python_error();
  return nb::steal(result);
}

// The running tealet itself is not kept: a reference across the switch would keep it from ending.
nb::object parent_of_current() {
  return checked(PyTealet_Parent(checked(PyTealet_Current(nullptr)).ptr()));
}

// Hands the number of every leaf to the parent of the running tealet, and pauses with the whole
// walk on its stack. Returns the sum of the answers.
long hand_over_leaves(int depth) {
  long next = 0;
  long sum = 0;
  walk(depth, [&] {
    const nb::object parent = parent_of_current();
    const nb::object answer = checked(PyTealet_Switch(parent.ptr(), nb::int_(next).ptr()));
    sum += nb::cast<long>(answer);
    next += 1;
  });
  return sum;
}

// The statistics of the domain of `main`, a Python Main.
nb::dict python_stats(nb::handle main) {
  tealet_stats_t stats;
  std::size_t bytes_cached = 0;
  if (PyTealet_GetStats(main.ptr(), &stats, &bytes_cached) < 0) throw nb::python_error();
  nb::dict figures;
#define TEALET_C_FIGURE(name, ...) figures[#name] = stats.name;
#include <tealet/stats_figures.def>
  figures["bytes_cached"] = bytes_cached;
  return figures;
}

}  // namespace

void register_handing_over(nb::module_& module) {
  if (PyTealet_Import() < 0) throw nb::python_error();
  module.def("hand_over_leaves", &hand_over_leaves, nb::arg("depth"),
             "Walk, and switch to the parent of the running Python tealet at every leaf.");
  module.def("python_stats", &python_stats, nb::arg("main"),
             "The statistics of a domain of Python's tealets.");
}
