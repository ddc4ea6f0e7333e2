// A list of all domains of the process, for tests that look for leaks.
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
class CensusEntry {
 public:
  explicit CensusEntry(PythonDomain& domain) noexcept;
  ~CensusEntry();
  CensusEntry(const CensusEntry&) = delete;
  CensusEntry& operator=(const CensusEntry&) = delete;

  PythonDomain& domain() const noexcept { return domain_; }

  tealet::core::Links<CensusEntry> neighbours;

 private:
  PythonDomain& domain_;
};

// The domain with this number; nullptr if there is none.
PythonDomain* find_domain(std::uint64_t number) noexcept;

// The domain one of whose tealets runs or is paused inside `tealet`, a tealet of another domain;
// nullptr if there is none.
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

// Adds the function `_census` to `module`. False with an exception set.
bool add_census(PyObject* module);

}  // namespace tealetpp
