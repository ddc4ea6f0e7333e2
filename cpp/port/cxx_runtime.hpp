// What the C++ runtime keeps for each thread, and belongs to an execution.
#pragma once

#include <cxxabi.h>

namespace tealet::port {

// The exceptions that are being thrown and handled, as laid out by the Itanium C++ ABI, section
// 2.2.2 of its exception handling part.
struct ExceptionsInFlight {
  void* caught;
  unsigned int uncaught;

  bool any() const noexcept { return caught != nullptr || uncaught != 0; }
};

#if defined(_LIBCPP_VERSION) || defined(_LIBCPPABI_VERSION)
// libc++abi exports it, and has it in no header.
extern "C" void* __cxa_get_globals() noexcept;  // NOLINT(*-reserved-identifier): the ABI's name
inline void* exception_globals() noexcept { return __cxa_get_globals(); }
#else
inline void* exception_globals() noexcept { return abi::__cxa_get_globals(); }
#endif

// This thread's.
inline ExceptionsInFlight* exceptions_in_flight() noexcept {
  return static_cast<ExceptionsInFlight*>(exception_globals());
}

}  // namespace tealet::port
