#include "python/all_domains.hpp"

#include "core/check.hpp"
#include "python/python_domain.hpp"

namespace tealetpp {

namespace {

tealet::core::LinkedList<DomainEntry, &DomainEntry::neighbours> entries;

}  // namespace

DomainEntry::DomainEntry(PythonDomain& domain) noexcept : domain_(domain) {
  entries.add_first(*this);
}

DomainEntry::~DomainEntry() { entries.remove(*this); }

DomainEntry* DomainEntry::first() noexcept { return entries.first(); }

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
  return find_domain_if(
      [&](const PythonDomain& domain) { return entered_tealet(domain) == &tealet; });
}

EnteredDomains::EnteredDomains() {
  find_domain_if([&](PythonDomain& domain) {
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

}  // namespace tealetpp
