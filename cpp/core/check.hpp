// Checks of preconditions and invariants: TEALETPP_CHECK(condition).
//
// The CMake option TEALETPP_CHECKS turns checks on; it is the default for Debug and sanitizer
// builds. A failed check prints its condition and its place on stderr, and aborts. Without checks a
// check is no instruction: its condition is compiled and never evaluated.
//
// A check is for what code of this library must guarantee. What a program can do wrong returns an
// Errc instead.
#pragma once

#include <tealet/cxx/config.hpp>

namespace tealet::core {

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace tealet::core

#if TEALET_CHECKS
#define TEALETPP_CHECK(condition)     \
  ((condition) ? static_cast<void>(0) \
               : ::tealet::core::check_failed(#condition, __FILE__, __LINE__))
#else
#define TEALETPP_CHECK(condition) static_cast<void>(sizeof((condition) ? 1 : 0))
#endif
