// The extension module: a table of contents.
#include <tealet/tealet_version.h>

#include <stdexcept>

#include "python/arena_hook.hpp"
#include "python/census.hpp"
#include "python/collector.hpp"
#include "python/cpython/thread_state.hpp"
#include "python/foreign_stack.hpp"
#include "python/pybind11_layout.hpp"
#include "python/registry.hpp"
#include "python/status_type.hpp"
#include "python/without_collections.hpp"

namespace {

// The types are static variables of the process, so only one interpreter can have them.
bool is_main_interpreter() { return PyInterpreterState_Get() == PyInterpreterState_Main(); }

constexpr const char* elsewhere = "tealetpp works in the main interpreter only";

}  // namespace

// Renames the function that pybind11 defines. Our own one, below, calls it.
#define PyInit__tealetpp tealetpp_make_module
PYBIND11_MODULE(_tealetpp, module) {
  if (!is_main_interpreter()) throw std::runtime_error(elsewhere);  // becomes an ImportError
  const tealetpp::WithoutCollections
      in_this_scope;  // no Python code may run unguarded here: guarded.hpp
  module.doc() = "The compiled part of tealetpp.";
  module.attr("__version__") = TEALET_VERSION;
  tealetpp::guard_base_type();
  tealetpp::register_errors(module);
  tealetpp::register_stats(module);
  tealetpp::register_costs(module);
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
  static_cast<void>(tealetpp::has_greenlet());  // the first time while the interpreter has modules
  tealetpp::install_arena_hook();
}
#undef PyInit__tealetpp

// Refuses subinterpreters before pybind11 prepares anything, which hangs in a subinterpreter of
// CPython 3.11. CPython 3.13 calls this in the main interpreter first, even if a subinterpreter
// imports the module.
// NOLINTNEXTLINE(*-reserved-identifier): CPython calls it.
extern "C" PYBIND11_EXPORT PyObject* PyInit__tealetpp() {
  if (is_main_interpreter()) {
    const tealetpp::WithoutCollections in_this_scope;
    return tealetpp_make_module();
  }
  PyErr_SetString(PyExc_ImportError, elsewhere);
  return nullptr;
}
