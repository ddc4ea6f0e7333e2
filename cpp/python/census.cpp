#include "python/census.hpp"

#include "core/check.hpp"
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

namespace {

// The tealet inside which a tealet of `domain` runs or is paused; nullptr if none is.
const Node* entered_tealet(const PythonDomain& domain) noexcept {
  if (!domain.is_open() || domain.main_runs()) return nullptr;
  return domain.nesting().entered_from();
}

const EnteredDomains* entered_domains = nullptr;

}  // namespace

PythonDomain* domain_entered_from(const Node& tealet) noexcept {
  if (entered_domains != nullptr) return entered_domains->entered_from(tealet);
  return find([&](const PythonDomain& domain) { return entered_tealet(domain) == &tealet; });
}

EnteredDomains::EnteredDomains() {
  find([&](PythonDomain& domain) {
    if (const Node* const tealet = entered_tealet(domain)) domains_.emplace(tealet, &domain);
    return false;
  });
  TEALETPP_CHECK(entered_domains == nullptr);
  entered_domains = this;
}

EnteredDomains::~EnteredDomains() { entered_domains = nullptr; }

PythonDomain* EnteredDomains::entered_from(const Node& tealet) const noexcept {
  const auto found = domains_.find(&tealet);
  return found != domains_.end() ? found->second : nullptr;
}

bool add_census(PyObject* module) {
  PyObject* const made = PyCFunction_New(&function, nullptr);
  const bool added = made != nullptr && PyModule_AddObjectRef(module, "_census", made) == 0;
  Py_XDECREF(made);
  return added;
}

}  // namespace tealetpp
