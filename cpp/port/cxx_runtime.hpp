// The part of the C++ runtime's state that it keeps per thread, and that belongs to an execution.
#pragma once

#include <cxxabi.h>

#if defined(_LIBCPPABI_VERSION)
// libc++abi exports this function of the ABI, but its header does not declare it.
namespace __cxxabiv1 {  // NOLINT(*-reserved-identifier): the ABI's names
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals() noexcept;
}  // namespace __cxxabiv1
#endif

namespace tealet::port {

// The exceptions that are being thrown and handled: __cxa_eh_globals of the Itanium C++ ABI,
// exception handling, section 2.2.2.
struct ExceptionsInFlight {
  void* caught;
  unsigned int uncaught;

  bool any() const noexcept { return caught != nullptr || uncaught != 0; }
};

// The exceptions of this thread.
inline ExceptionsInFlight* exceptions_in_flight() noexcept {
  return reinterpret_cast<ExceptionsInFlight*>(abi::__cxa_get_globals());
}

}  // namespace tealet::port
