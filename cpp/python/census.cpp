#include "python/census.hpp"

#include "python/all_domains.hpp"
#include "python/python_domain.hpp"

namespace tealetpp {

namespace {

// Counts all domains, the open ones, and the tealets, blocks and bytes of all together. Without
// statistics the last three are zero. On any thread: domains change under the global interpreter
// lock only.
PyObject* census(PyObject*, PyObject*) {
  std::size_t domains = 0;
  std::size_t open = 0;
  std::size_t tealets = 0;
  std::size_t blocks = 0;
  std::size_t bytes = 0;
  find_domain_if([&](const PythonDomain& domain) {
    const Stats stats = domain.stats();
    domains += 1;
    open += domain.is_open() ? 1 : 0;
    tealets += stats.n_active;
    blocks += stats.blocks_allocated;
    bytes += stats.bytes_allocated;
    return false;
  });
  return Py_BuildValue("{s:n,s:n,s:n,s:n,s:n}", "domains", domains, "open domains", open, "tealets",
                       tealets, "blocks", blocks, "bytes", bytes);
}

PyMethodDef function = {"_census", census, METH_NOARGS,
                        "_census()\n--\n\n"
                        "Count the domains of the process and what they hold: for tests."};

}  // namespace

bool add_census(PyObject* module) {
  PyObject* const made = PyCFunction_New(&function, nullptr);
  const bool added = made != nullptr && PyModule_AddObjectRef(module, "_census", made) == 0;
  Py_XDECREF(made);
  return added;
}

}  // namespace tealetpp
