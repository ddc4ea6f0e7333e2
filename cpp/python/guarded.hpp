// What keeps the end of a daemon thread away from our frames.
//
// CPython up to 3.13 ends a daemon thread that wants the global interpreter lock while the
// interpreter shuts down, by pthread_exit(). glibc then unwinds the thread's C stack as for an
// exception, although nobody has thrown one. Below a tealet there is nothing to unwind to; a
// noexcept function on the way, and the engine consists of them, makes it fatal; and destructors on
// the way would run without the lock. So such a thread stays where it is, without the lock, until
// the process is gone, which is what CPython does with all of them since 3.14.
//
// Whatever may run Python code is inside of a guard, as near to that code as can be:
//
// - what CPython calls: guarded<&function> stands in every table instead of the function;
// - what the engine, or a frame that must not grow, calls: guard([&] { ... }).
#pragma once

#include <unistd.h>

#include <exception>
#include <type_traits>

#include "port/compiler.hpp"

namespace tealetpp {

[[noreturn]] TEALETPP_COLD TEALETPP_NOINLINE inline void hold_ending_thread() noexcept {
  // An exception that somebody has thrown is a bug, not the end of a thread.
  if (std::uncaught_exceptions() != 0) std::terminate();
  for (;;) pause();
}

// A destructor and not a handler: where a C++ exception is being handled further up, entering
// another handler for what is not a C++ exception ends the program.
class Guard {
 public:
  Guard() noexcept = default;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  TEALETPP_ALWAYS_INLINE ~Guard() {
    if (!passed_) hold_ending_thread();
  }
  void pass() noexcept { passed_ = true; }

 private:
  bool passed_ = false;  // inline, this is known on every path: no code, no room on the stack
};

// Runs `action` and returns its result.
template <class Action>
TEALETPP_ALWAYS_INLINE inline auto guard(Action action) -> decltype(action()) {
  Guard unwinding;
  if constexpr (std::is_void_v<decltype(action())>) {
    action();
    unwinding.pass();
  } else {
    const auto result = action();
    unwinding.pass();
    return result;
  }
}

template <auto function, class Result, class... Arguments>
Result call_guarded(Arguments... arguments) {
  return guard([&]() -> Result { return function(arguments...); });
}

template <auto function, class Result, class... Arguments>
constexpr auto guarded_as(Result (*)(Arguments...)) {
  return &call_guarded<function, Result, Arguments...>;
}

// The same function inside of a guard.
template <auto function>
inline constexpr auto guarded = guarded_as<function>(function);

}  // namespace tealetpp
