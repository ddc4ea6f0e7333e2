#include "python/foreign_stack.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "port/compiler.hpp"
#include "python/paused_state.hpp"

namespace tealetpp {

namespace {

// Needs no memory, and may be called once the interpreter has no modules any more.
TEALETPP_NOINLINE bool look_for_greenlet() {
  static PyObject* name = nullptr;
  if (name == nullptr) name = PyUnicode_InternFromString("greenlet");
  PyObject* const module = name != nullptr ? PyImport_GetModule(name) : nullptr;
  if (module == nullptr) PyErr_Clear();
  Py_XDECREF(module);
  return module != nullptr;
}

}  // namespace

TEALETPP_NOINLINE bool has_greenlet() {
  // Some main tealets ask at each pause. Importing greenlet adds modules, so it is not loaded as
  // long as there are as many as when it was not.
  static Py_ssize_t count_without = -1;
  static PyObject* const modules = Py_NewRef(PyImport_GetModuleDict());
  if (!PyDict_CheckExact(modules)) return look_for_greenlet();
  const Py_ssize_t count = PyDict_GET_SIZE(modules);
  if (count == count_without) return false;
  const bool is_loaded = look_for_greenlet();
  if (!is_loaded) count_without = count;
  return is_loaded;
}

TEALETPP_NOINLINE TEALETPP_COLD const char* reach_of_c_stack(const PausedState* paused) {
  if (!has_greenlet()) return tealet::core::unbounded;
  const void* const in_chain = farthest_on_c_stack(PyThreadState_Get());
  const void* const put_away = paused != nullptr ? paused->farthest_on_c_stack() : nullptr;
  // A greenlet whose function is in C may have no loop. Its stack reaches up to here all the same.
  const void* const here = paused;
  return static_cast<const char*>(std::max({here, in_chain, put_away}));
}

namespace {

// Whether `far` lies beyond the C stack that main is about to leave.
bool is_beyond_stack_of_main(PythonDomain& domain, const char* far) {
  TEALETPP_CHECK(domain.is_on_its_thread() && domain.current().is_main());
  if (far <= static_cast<const char*>(TEALETPP_FRAME_ADDRESS())) return false;
  const tealet::core::Domain* const running = tealet::core::running_tealet->domain();
  return far > (running != nullptr ? reach_around(*running) : reach_of_c_stack(nullptr));
}

}  // namespace

TEALETPP_NOINLINE bool is_on_another_stack(PythonDomain& domain, const Node& node) {
  if (!domain.current().is_main()) return is_out_of_reach(domain, node);
  return is_beyond_stack_of_main(domain, node.far);
}

TEALETPP_NOINLINE bool may_be_on_another_stack(PythonDomain& domain) {
  return domain.current().is_main() && !domain.main().children.is_empty() &&
         is_beyond_stack_of_main(domain, domain.main().area->highest_far());
}

}  // namespace tealetpp
