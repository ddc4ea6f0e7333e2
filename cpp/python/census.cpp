#include "python/census.hpp"

#include "python/python_domain.hpp"

namespace tealetpp {

namespace {

tealet::core::LinkedList<CensusEntry, &CensusEntry::neighbours> entries;

// Counts all domains, the open ones, and the tealets, blocks and bytes of all together. Without
// statistics the last three are zero. On any thread: domains change under the global interpreter
// lock only.
PyObject* census(PyObject*, PyObject*) {
  std::size_t domains = 0;
  std::size_t open = 0;
  std::size_t tealets = 0;
  std::size_t blocks = 0;
  std::size_t bytes = 0;
  for (const CensusEntry* entry = entries.first(); entry != nullptr;
       entry = entry->neighbours.next) {
    const PythonDomain& domain = entry->domain();
    const Stats stats = domain.stats();
    domains += 1;
    open += domain.is_open() ? 1 : 0;
    tealets += stats.n_active;
    blocks += stats.blocks_allocated;
    bytes += stats.bytes_allocated;
  }
  return Py_BuildValue("{s:n,s:n,s:n,s:n,s:n}", "domains", domains, "open domains", open, "tealets",
                       tealets, "blocks", blocks, "bytes", bytes);
}

PyMethodDef function = {"_census", census, METH_NOARGS,
                        "_census()\n--\n\n"
                        "Count the domains of the process and what they hold: for tests."};

template <class Predicate>
PythonDomain* find(Predicate is_it) noexcept {
  const CensusEntry* entry = entries.first();
  while (entry != nullptr && !is_it(entry->domain())) entry = entry->neighbours.next;
  return entry != nullptr ? &entry->domain() : nullptr;
}

}  // namespace

CensusEntry::CensusEntry(PythonDomain& domain) noexcept : domain_(domain) {
  entries.add_first(*this);
}

CensusEntry::~CensusEntry() { entries.remove(*this); }

PythonDomain* find_domain(std::uint64_t number) noexcept {
  return find([&](const PythonDomain& domain) { return domain.number == number; });
}

PythonDomain* domain_entered_from(const Node& tealet) noexcept {
  return find([&](PythonDomain& domain) {
    if (!domain.is_open() || domain.current().is_main()) return false;
    return tealet::core::Nesting::entered_from(domain.current()) == &tealet;
  });
}

bool add_census(PyObject* module) {
  PyObject* const made = PyCFunction_New(&function, nullptr);
  const bool added = made != nullptr && PyModule_AddObjectRef(module, "_census", made) == 0;
  Py_XDECREF(made);
  return added;
}

}  // namespace tealetpp
