// Recursion since CPython 3.14, which counts calls from Python to Python only. It protects the C
// stack by its addresses, which tealets share.
#pragma once

#include "port/thread_stack.hpp"
#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"

namespace tealetpp {

inline bool learn_c_recursion_limit() { return true; }

inline void allow_recursion(PyThreadState* thread, tealet::port::StackSpace) noexcept {
  thread->py_recursion_remaining = thread->py_recursion_limit;
}

}  // namespace tealetpp
