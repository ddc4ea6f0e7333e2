// Fields that all supported versions of CPython have in common.
#pragma once

#include <cstddef>
#include <cstdint>

#include "python/cpython/internals.hpp"

namespace tealetpp {

inline std::uint64_t thread_state_id(const PyThreadState* thread) noexcept { return thread->id; }

// The outermost entry of the chain of handled exceptions. It shows which execution runs, even if
// another library switched to it: a tealet's entry is in its Execution, that of any other execution
// in the thread state.
inline const _PyErr_StackItem* outermost_handled(const PyThreadState* thread) noexcept {
  const _PyErr_StackItem* item = thread->exc_info;
  while (item->previous_item != nullptr) item = item->previous_item;
  return item;
}

// A new reference to a copy of the running execution's context variables; nullptr if it has none,
// or with an exception set if there is no memory.
inline PyObject* copy_context(const PyThreadState* thread) {
  return thread->context == nullptr ? nullptr : PyContext_CopyCurrent();
}

// Whether `frame` executes Python code. Other frames are entries to the interpreter from C.
inline bool is_python(const _PyInterpreterFrame* frame) noexcept {
  return frame->owner == FRAME_OWNED_BY_THREAD || frame->owner == FRAME_OWNED_BY_GENERATOR;
}

// Whether there is a trace or a profile function.
inline bool has_function_of_tool(const PyThreadState* thread) noexcept {
  return (reinterpret_cast<std::uintptr_t>(thread->c_tracefunc) |
          reinterpret_cast<std::uintptr_t>(thread->c_profilefunc)) != 0;
}

// Bytes of the collector's head in front of each object that it tracks: see pycore_gc.h.
constexpr std::size_t collector_head_size = 2 * sizeof(std::uintptr_t);

// A flag in the word before an object's head, which CPython has for the collector: see pycore_gc.h.
constexpr std::uintptr_t finalized_flag = 1;

// Lets the collector call tp_finalize of `object` once more. By default it does so only once.
inline void allow_finalizing_again(PyObject* object) noexcept {
  reinterpret_cast<std::uintptr_t*>(object)[-1] &= ~finalized_flag;
}

}  // namespace tealetpp
