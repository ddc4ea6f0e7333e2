// The extension module: a table of contents.
#include <tealet/tealet_version.h>

#include <stdexcept>

#include "python/census.hpp"
#include "python/chunk_cache.hpp"
#include "python/collector.hpp"
#include "python/cpython/thread_state.hpp"
#include "python/pybind11_layout.hpp"
#include "python/registry.hpp"
#include "python/status_type.hpp"

namespace {

// The types are the same for the whole process.
bool is_main_interpreter() { return PyInterpreterState_Get() == PyInterpreterState_Main(); }

// Turns the garbage collector off meanwhile: it may run any code, and no Python code may run inside
// pybind11's functions. See guarded.hpp. The Python code that the module needs is guarded.
class GarbageStays {
 public:
  GarbageStays() noexcept : was_enabled_(PyGC_Disable() != 0) {}
  GarbageStays(const GarbageStays&) = delete;
  GarbageStays& operator=(const GarbageStays&) = delete;
  ~GarbageStays() {
    if (was_enabled_) PyGC_Enable();
  }

 private:
  bool was_enabled_;
};

constexpr const char* elsewhere = "tealetpp works in the main interpreter only";

}  // namespace

// pybind11's function is called by ours, below.
#define PyInit__tealetpp tealetpp_make_module
PYBIND11_MODULE(_tealetpp, module) {
  if (!is_main_interpreter()) throw std::runtime_error(elsewhere);  // becomes an ImportError
  const GarbageStays meanwhile;
  module.doc() = "The compiled part of tealetpp.";
  module.attr("__version__") = TEALET_VERSION;
  tealetpp::guard_base_type();
  tealetpp::register_errors(module);
  tealetpp::register_stats(module);
  tealetpp::register_tealet(module);
  tealetpp::register_main(module);
  tealetpp::register_capi(module);
  // The package exports the types, so that is where they belong for users.
  for (auto item : module.attr("__dict__").cast<pybind11::dict>()) {
    if (PyType_Check(item.second.ptr())) item.second.attr("__module__") = "tealetpp";
  }
  // Status names its module itself. Setting an attribute of an enumeration would run Python code.
  if (!tealetpp::add_status(module.ptr()) || !tealetpp::watch_collections(module.ptr()) ||
      !tealetpp::add_census(module.ptr()) || !tealetpp::learn_c_recursion_limit()) {
    throw pybind11::error_already_set();
  }
  tealetpp::install_chunk_cache();
}
#undef PyInit__tealetpp

// Refuses before pybind11's own preparations, which never return in a subinterpreter of CPython
// 3.11. CPython 3.13 calls this in the main interpreter first, whoever imports.
// NOLINTNEXTLINE(*-reserved-identifier): CPython calls it.
extern "C" PYBIND11_EXPORT PyObject* PyInit__tealetpp() {
  if (is_main_interpreter()) {
    const GarbageStays meanwhile;
    return tealetpp_make_module();
  }
  PyErr_SetString(PyExc_ImportError, elsewhere);
  return nullptr;
}
