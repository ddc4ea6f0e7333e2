// Checks of preconditions and invariants: TEALETPP_CHECK(condition).
//
// On in builds with the CMake option TEALETPP_CHECKS, which is the default for Debug and sanitizer
// builds: a condition that does not hold ends the process, with one line on stderr that says where
// and which. Off, a check is no instruction; its condition is compiled and never evaluated.
//
// A check is for what the caller inside this library must guarantee. What a program can get wrong
// is an error: see Errc.
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
