// What the C++ runtime keeps for each thread, and belongs to an execution.
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

// The exceptions that are being thrown and handled, as laid out by the Itanium C++ ABI, section
// 2.2.2 of its exception handling part.
struct ExceptionsInFlight {
  void* caught;
  unsigned int uncaught;

  bool any() const noexcept { return caught != nullptr || uncaught != 0; }
};

// This thread's.
inline ExceptionsInFlight* exceptions_in_flight() noexcept {
  return reinterpret_cast<ExceptionsInFlight*>(abi::__cxa_get_globals());
}

}  // namespace tealet::port
