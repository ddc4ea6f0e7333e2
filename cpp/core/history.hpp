// What the engine records of a tealet if its domain tracks its tealets.
#pragma once

#include <cstddef>

namespace tealet::core {

struct History {
  std::size_t created = 0;   // how many tealets the domain had created by then, this one included
  std::size_t switches = 0;  // to the tealet
  // In the pauses that have ended:
  std::size_t extent_max = 0;
  std::size_t stack_grows = 0;
};

}  // namespace tealet::core
