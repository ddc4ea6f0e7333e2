#include "python/foreign_stack.hpp"

#include "port/compiler.hpp"

namespace tealetpp {

TEALETPP_NOINLINE bool has_greenlet() {
  static PyObject* name = nullptr;
  if (name == nullptr) name = PyUnicode_InternFromString("greenlet");
  // Needs no memory, and may be called once the interpreter has no modules any more.
  PyObject* const module = name != nullptr ? PyImport_GetModule(name) : nullptr;
  if (module == nullptr) PyErr_Clear();
  Py_XDECREF(module);
  return module != nullptr;
}

TEALETPP_NOINLINE TEALETPP_COLD bool began_elsewhere(const char* far, const PausedState* paused) {
  return has_greenlet() && !reaches_on_c_stack(PyThreadState_Get(), far) &&
         (paused == nullptr || !paused->reaches_on_c_stack(far));
}

bool is_on_another_stack(PythonDomain& domain, const Node& node) {
  return is_on_another_stack(domain, node.far, TEALETPP_FRAME_ADDRESS());
}

bool may_be_on_another_stack(PythonDomain& domain) {
  return !domain.main().children.is_empty() &&
         is_on_another_stack(domain, domain.main().area->highest_far(), TEALETPP_FRAME_ADDRESS());
}

bool can_end_here(PythonDomain& domain, const Node& node) {
  const Node& current = domain.current();
  if (current.is_main()) return !is_on_another_stack(domain, node);
  return node.far <= current.far || !has_greenlet();
}

}  // namespace tealetpp
