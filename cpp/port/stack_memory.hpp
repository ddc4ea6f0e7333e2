// Copies bytes from and to the C stack, with or without AddressSanitizer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "port/compiler.hpp"
#include "port/sanitizers.hpp"

#if TEALETPP_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace tealet::port {

#if TEALETPP_ASAN

// Frames on the C stack have poisoned gaps between their variables. AddressSanitizer replaces
// memcpy() by one that checks, which would report an error at every save.
template <class Word>
TEALETPP_NOINLINE TEALETPP_NO_SANITIZE_ADDRESS inline void copy_stack_words(
    void* to, const void* from, std::size_t size) noexcept {
  auto* target = static_cast<volatile Word*>(to);
  const auto* source = static_cast<const volatile Word*>(from);
  for (std::size_t i = 0; i < size / sizeof(Word); ++i) target[i] = source[i];
}

inline void copy_stack_bytes(void* to, const void* from, std::size_t size) noexcept {
  const auto bits =
      reinterpret_cast<std::uintptr_t>(to) | reinterpret_cast<std::uintptr_t>(from) | size;
  if (bits % sizeof(unsigned long) == 0) {
    copy_stack_words<unsigned long>(to, from, size);
  } else {
    copy_stack_words<char>(to, from, size);
  }
}

// The byte at `address`, poisoned or not.
TEALETPP_NOINLINE TEALETPP_NO_SANITIZE_ADDRESS inline char stack_byte(
    const char* address) noexcept {
  return *address;
}

// Clears the poison of [near, far) for the next tealet on those addresses. The frames of a tealet
// that is left never do.
inline void forget_poison(const char* near, const char* far) noexcept {
  if (near < far) __asan_unpoison_memory_region(near, static_cast<std::size_t>(far - near));
}

#else

inline void copy_stack_bytes(void* to, const void* from, std::size_t size) noexcept {
  std::memcpy(to, from, size);
}

inline char stack_byte(const char* address) noexcept { return *address; }

#endif

}  // namespace tealet::port
