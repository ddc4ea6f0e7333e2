// Every domain of the process can be found, so that tests see what stays behind.
#pragma once

#include <pybind11/pybind11.h>

namespace tealetpp {

class PythonDomain;

// A member of each domain. The list is guarded by the global interpreter lock.
class CensusEntry {
 public:
  explicit CensusEntry(const PythonDomain& domain) noexcept;
  ~CensusEntry();
  CensusEntry(const CensusEntry&) = delete;
  CensusEntry& operator=(const CensusEntry&) = delete;

  const PythonDomain& domain() const noexcept { return domain_; }
  const CensusEntry* next() const noexcept { return next_; }

 private:
  const PythonDomain& domain_;
  CensusEntry* next_;
  CensusEntry* previous_ = nullptr;
};

void register_census(pybind11::module_& module);

}  // namespace tealetpp
