// Guards: they stop the unwinding of a daemon thread before it reaches our frames.
//
// While the interpreter shuts down, CPython up to 3.13 ends a daemon thread that asks for the
// global interpreter lock. It calls pthread_exit(), and glibc unwinds the thread's C stack as for
// an exception, although none was thrown. That must not reach our frames:
//
// - A tealet's stack has no frame below it to unwind to.
// - Unwinding through a noexcept function, as those of the engine are, ends the process.
// - Destructors would run without the lock.
//
// So a guard blocks such a thread, without the lock, until the process ends. CPython 3.14 does the
// same with all daemon threads.
//
// Everything that may run Python code is inside a guard, as close to that code as possible:
//
// - Tables that CPython calls from hold guarded<&function> instead of the function.
// - Code called by the engine, or from a frame that must stay small, uses guard([&] { ... }).
#pragma once

#include <exception>
#include <type_traits>

#include "port/compiler.hpp"
#include "port/wait.hpp"

namespace tealetpp {

[[noreturn]] TEALETPP_COLD TEALETPP_NOINLINE inline void block_unwinding_thread() noexcept {
  // No C++ exception may get here: that is a bug.
  if (std::uncaught_exceptions() != 0) std::terminate();
  tealet::port::wait_for_process_end();
}

// Uses a destructor rather than a catch-all handler. If a caller is handling a C++ exception, a
// nested handler that catches a foreign one, such as this unwinding, ends the process.
class Guard {
 public:
  Guard() noexcept = default;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  TEALETPP_ALWAYS_INLINE ~Guard() {
    if (!passed_) block_unwinding_thread();
  }
  void pass() noexcept { passed_ = true; }

 private:
  bool passed_ = false;  // optimised away: the compiler knows its value on each path
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

// A pointer to `function` inside a guard.
template <auto function>
inline constexpr auto guarded = guarded_as<function>(function);

}  // namespace tealetpp
