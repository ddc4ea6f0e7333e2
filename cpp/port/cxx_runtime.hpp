// The part of the C++ runtime's state that it keeps per thread, and that belongs to an execution.
#pragma once

#include <cxxabi.h>

namespace tealet::port {

// The exceptions that are being thrown and handled: __cxa_eh_globals of the Itanium C++ ABI,
// exception handling, section 2.2.2.
struct ExceptionsInFlight {
  void* caught;
  unsigned int uncaught;

  bool any() const noexcept { return caught != nullptr || uncaught != 0; }
};

#if defined(_LIBCPP_VERSION) || defined(_LIBCPPABI_VERSION)
// libc++abi exports this, but no header of it declares it.
extern "C" void* __cxa_get_globals() noexcept;  // NOLINT(*-reserved-identifier): the ABI's name
inline void* exception_globals() noexcept { return __cxa_get_globals(); }
#else
inline void* exception_globals() noexcept { return abi::__cxa_get_globals(); }
#endif

// The exceptions of this thread.
inline ExceptionsInFlight* exceptions_in_flight() noexcept {
  return static_cast<ExceptionsInFlight*>(exception_globals());
}

}  // namespace tealet::port
