// A list of all domains of the process.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <unordered_map>

#include "core/linked_list.hpp"
#include "core/node.hpp"

namespace tealetpp {

class PythonDomain;

// A member of each domain. The list is guarded by the global interpreter lock.
class DomainEntry {
 public:
  explicit DomainEntry(PythonDomain& domain) noexcept;
  ~DomainEntry();
  DomainEntry(const DomainEntry&) = delete;
  DomainEntry& operator=(const DomainEntry&) = delete;

  static DomainEntry* first() noexcept;
  PythonDomain& domain() const noexcept { return domain_; }

  tealet::core::Links<DomainEntry> neighbours;

 private:
  PythonDomain& domain_;
};

// The inner domain that has a tealet running or paused inside `tealet`; nullptr if there is none.
PythonDomain* domain_entered_from(const tealet::core::Node& tealet) noexcept;

// While one exists, domain_entered_from() looks the domain up, instead of looking at all domains.
// For a walk over many tealets, in which nothing may be switched.
class EnteredDomains {
 public:
  EnteredDomains();  // may throw std::bad_alloc
  ~EnteredDomains();
  EnteredDomains(const EnteredDomains&) = delete;
  EnteredDomains& operator=(const EnteredDomains&) = delete;

  PythonDomain* entered_from(const tealet::core::Node& tealet) const noexcept;

 private:
  std::unordered_map<const tealet::core::Node*, PythonDomain*> domains_;
};

// Calls `visit` with each domain until it returns true. Returns the domain for which it did, or
// nullptr.
template <class Visit>
PythonDomain* find_domain_if(Visit visit) {
  for (DomainEntry* entry = DomainEntry::first(); entry != nullptr;
       entry = entry->neighbours.next) {
    if (visit(entry->domain())) return &entry->domain();
  }
  return nullptr;
}

}  // namespace tealetpp
