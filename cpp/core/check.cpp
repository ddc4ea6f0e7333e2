#include "core/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace tealet::core {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "tealet: check failed: %s, %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace tealet::core
