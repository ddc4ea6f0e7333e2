// Recursion in CPython 3.12 and 3.13, which count C calls separately. Calls from Python to Python
// take no C stack, so each tealet may nest as many as the recursion limit allows.
#pragma once

#include <algorithm>
#include <cstddef>

#include "port/thread_stack.hpp"
#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"
#include "python/cpython/recursion.hpp"

namespace tealetpp {

// Most calls take 100 to 700 bytes. But sorted() with a key function has a buffer on the stack:
// 5,008 bytes in three counted calls.
constexpr std::size_t worst_call = worst_call_of_build(1792);
// The same for a Python frame with the C calls that lead to it: 5,152 bytes. The rest is for calls
// without a Python frame, such as the repr() of nested lists.
constexpr std::size_t worst_frame = 4 * worst_call;
// The default of sys.getrecursionlimit().
constexpr std::size_t usual_limit = 1000;
// With no more than 50 calls left, CPython 3.13 defers freeing containers. So even the last bit of
// a small stack allows some more.
constexpr int fewest_calls = 64;

// How many C calls CPython allows a thread. A constant of the interpreter that runs, which may be
// another patch release than the one this was compiled for.
inline int c_recursion_limit = 0;

inline bool learn_c_recursion_limit() {
  PyThreadState* fresh = PyThreadState_New(PyInterpreterState_Get());
  if (fresh == nullptr) {
    PyErr_NoMemory();
    return false;
  }
  c_recursion_limit = fresh->c_recursion_remaining;
  PyThreadState_Clear(fresh);
  PyThreadState_Delete(fresh);
  return true;
}

// How many C calls an execution may nest that begins with `space` below it.
inline int calls_allowed(const PyThreadState* thread, tealet::port::StackSpace space) noexcept {
  const auto full = static_cast<std::size_t>(c_recursion_limit);
  if (full * worst_call <= space.left) return c_recursion_limit;
  // CPython 3.13 allows more of the worst calls than any usual stack holds, and relies on the limit
  // of Python frames to end such a recursion in time. Where that still works, a tealet gets its
  // share of the calls; near the top, all of them. A raised limit may protect nothing, even outside
  // of tealets. Then a tealet near the top has what plain Python has, and a deeper one is safe.
  const std::size_t needed = static_cast<std::size_t>(thread->py_recursion_limit) * worst_frame;
  const bool raised = needed > space.whole && usual_limit * worst_frame <= space.whole;
  std::size_t calls = space.left / worst_call;
  if (raised ? space.left >= space.whole / 4 * 3 : needed <= space.left) {
    if (space.left >= space.whole / 16 * 15) return c_recursion_limit;
    calls = std::max(calls, full * space.left / space.whole);
  }
  return std::max(static_cast<int>(calls), fewest_calls);
}

inline void allow_recursion(PyThreadState* thread, tealet::port::StackSpace space) noexcept {
  thread->py_recursion_remaining = thread->py_recursion_limit;
  if (space.whole != 0) thread->c_recursion_remaining = calls_allowed(thread, space);
}

}  // namespace tealetpp
