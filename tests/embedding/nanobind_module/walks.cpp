// An extension module that runs C++ tealets inside Python. handing_over.cpp has the part that
// switches Python's tealets.
//
// It turns a function that calls back for every leaf of a tree into an iterator: next() resumes the
// walk in its tealet, up to the next leaf.
#include <tealet/tealet.hpp>

#include <nanobind/nanobind.h>

#include <cstddef>
#include <memory>
#include <stdexcept>

#include "handing_over.hpp"
#include "walk.hpp"

namespace nb = nanobind;

namespace {

nb::dict to_dict(const tealet::Stats& stats) {
  nb::dict figures;
  for (const tealet::StatsField& field : tealet::stats_fields) {
    figures[field.name] = stats.*field.value;
  }
  return figures;
}

// The numbers of the leaves, one at a time; at leaf `fail_at` the walk throws.
class Walk {
 public:
  Walk(int depth, long fail_at)
      : walker_(main_.create([this, depth, fail_at] {
          walk(depth, [this, fail_at] {
            if (next_ == fail_at) throw std::runtime_error("a leaf that fails");
            main_.switch_to(&next_);
            next_ += 1;
          });
        })) {}

  long next() {
    if (walker_.status() == tealet::Status::Exited) throw nb::stop_iteration();
    const void* leaf = walker_.switch_to();
    if (leaf == nullptr) throw nb::stop_iteration();
    return *static_cast<const long*>(leaf);
  }

  void close() { walker_.close(); }
  nb::dict stats() const { return to_dict(main_.stats()); }

 private:
  tealet::Main main_;
  long next_ = 0;
  tealet::Tealet walker_;
};

nb::object call(const nb::callable& function) { return function(); }

// Calls `function` in a new C++ tealet. Its result, or its exception, is the caller's.
nb::object call_in_tealet(const nb::callable& function) {
  tealet::Main main;
  // On the heap: a tealet must not write to another one's stack.
  auto result = std::make_unique<nb::object>();
  tealet::Tealet caller = main.create([&] { *result = function(); });
  caller.switch_to();
  return *result;
}

}  // namespace

NB_MODULE(walks, module) {
  nb::class_<Walk>(module, "Walk")
      .def(nb::init<int, long>(), nb::arg("depth"), nb::arg("fail_at") = -1)
      .def("__iter__", [](nb::object self) { return self; })
      .def("__next__", &Walk::next)
      .def("close", &Walk::close, "Unwind a walk that is paused.")
      .def("stats", &Walk::stats, "The statistics of its tealets.");
  module.def(
      "open_walks", [] { return open_walks; },
      "The number of walks that have begun and not ended.");
  module.def("call", &call, "Call a function, with a frame of C++ on the stack.");
  module.def("call_in_tealet", &call_in_tealet, "Call a function in a new C++ tealet.");
  register_handing_over(module);
}
