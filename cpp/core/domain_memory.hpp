// The memory of a domain: its allocator, and the sums over the stacks that are saved in it. Saving
// and freeing a stack change both, so they are passed as one.
#pragma once

#include <tealet/cxx/counting_allocator.hpp>

#include "core/totals.hpp"

namespace tealet::core {

struct DomainMemory final : CountingAllocator {
  using CountingAllocator::CountingAllocator;

  Totals totals;
};

}  // namespace tealet::core
