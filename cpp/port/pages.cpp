#include "port/pages.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace tealet::port {

namespace {

int flags_of(Protection protection) noexcept {
  switch (protection) {
    case Protection::none:
      return PROT_NONE;
    case Protection::read_only:
      return PROT_READ;
    case Protection::read_write:
      break;
  }
  return PROT_READ | PROT_WRITE;
}

}  // namespace

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

bool protect_pages(char* low, std::size_t size, Protection protection) noexcept {
  return mprotect(low, size, flags_of(protection)) == 0;
}

}  // namespace tealet::port
