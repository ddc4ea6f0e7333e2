#include "port/shrink.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "port/shared_object.hpp"

#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

namespace tealet::port {

namespace {

// As a number: a pointer to a block that was freed must not be used, nor compared.
std::uintptr_t address_of(void* block) noexcept { return reinterpret_cast<std::uintptr_t>(block); }

// Returns where the block is afterwards. If there was no memory to note the rest as free, nothing
// has changed.
void* reallocate(void* block, std::size_t bytes) noexcept {
  void* const shrunk = std::realloc(block, bytes);
  return shrunk != nullptr ? shrunk : block;
}

// Whether realloc() is glibc's own, not that of a library which replaces it.
bool is_of_glibc() noexcept {
#if defined(__GLIBC__)
  return are_of_one_binary(reinterpret_cast<const void*>(&std::realloc),
                           reinterpret_cast<const void*>(&gnu_get_libc_version));
#else
  return false;
#endif
}

// Valgrind replaces glibc's functions without replacing their addresses, and moves every block.
bool stays(std::size_t before, std::size_t after) noexcept {
  void* const block = std::malloc(before);
  if (block == nullptr) return false;
  const std::uintptr_t place = address_of(block);
  void* const shrunk = reallocate(block, after);
  const bool stayed = address_of(shrunk) == place;
  std::free(shrunk);
  return stayed;
}

bool find_out() noexcept {
  return is_of_glibc() && stays(std::size_t{16} * 1024, 1024) &&
         stays(std::size_t{16} * 1024, std::size_t{12} * 1024) &&
         stays(std::size_t{128} * 1024, 64);
}

}  // namespace

bool can_shrink_in_place() noexcept {
  static const bool can = find_out();
  return can;
}

void shrink_in_place(void* block, std::size_t bytes) noexcept {
  const std::uintptr_t place = address_of(block);
  if (address_of(reallocate(block, bytes)) == place) return;
  // Others point into the block.
  std::fputs("tealet: realloc() has moved a block that it was to shrink\n", stderr);
  std::abort();
}

}  // namespace tealet::port
