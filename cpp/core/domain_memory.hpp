// The memory of a domain: the allocator that all of it comes from, and the sums over the stacks
// that are saved in it. What changes one changes the other, so they are passed on together.
#pragma once

#include <tealet/cxx/counting_allocator.hpp>

#include "core/totals.hpp"

namespace tealet::core {

struct DomainMemory final : CountingAllocator {
  using CountingAllocator::CountingAllocator;

  Totals totals;
};

}  // namespace tealet::core
