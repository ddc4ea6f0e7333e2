// The layout of CPython 3.14: see layout.hpp.
//
// Here frames hold tagged references. CPython protects the C stack by its addresses, which tealets
// share, so only calls from Python to Python are counted. The structure that contains the thread
// state, _PyThreadStateImpl, changes between patch releases. No field of it is used.
#pragma once

#include <cstddef>
#include <cstdint>

#include "python/cpython/c_stack_frames.hpp"
#include "python/cpython/common_fields.hpp"
#include "python/cpython/completed_generator.hpp"
#include "python/cpython/internals.hpp"
#include "python/cpython/jit_state.hpp"
#include "python/cpython/layout.hpp"
#include "python/cpython/monitoring.hpp"
#include "python/cpython/no_late_instrumentation.hpp"
#include "python/cpython/python_recursion.hpp"
#include "python/cpython/single_exception.hpp"
#include "python/cpython/stack_references.hpp"

namespace tealetpp {

// --- frames ---

inline _PyInterpreterFrame* running_frame(const PyThreadState* thread) noexcept {
  return thread->current_frame;
}

inline void set_running_frame(PyThreadState* thread, _PyInterpreterFrame* frame) noexcept {
  thread->current_frame = frame;
}

// --- the thread state ---

class PausedFields {
 public:
  explicit PausedFields(const PyThreadState* thread) noexcept
      : frame_(thread->current_frame),
        what_(thread->what_event),
        recursion_(thread->py_recursion_limit - thread->py_recursion_remaining) {}

  _PyInterpreterFrame* put_away_frames(const PyThreadState* thread, const void* in_place) noexcept {
    return c_stack_frames_.take_out(running_frame(thread), in_place);
  }

  const void* farthest_on_c_stack() const noexcept { return c_stack_frames_.farthest(); }

  bool resume(PyThreadState* thread) noexcept {
    thread->current_frame = frame_;
    thread->what_event = what_;
    thread->py_recursion_remaining = thread->py_recursion_limit - recursion_;
    c_stack_frames_.put_back();
    return has_function_of_tool(thread);
  }

  static void begin(PyThreadState* thread) noexcept {
    thread->current_frame = nullptr;
    thread->what_event = -1;
  }

 private:
  _PyInterpreterFrame* frame_;
  int what_;
  int recursion_;
  CStackFrames<FRAME_OWNED_BY_INTERPRETER> c_stack_frames_;
};
static_assert(sizeof(PausedFields) == 24);

// --- the C stack ---

inline const void* farthest_on_c_stack(const PyThreadState* thread) noexcept {
  return farthest_c_stack_frame<FRAME_OWNED_BY_INTERPRETER>(thread->current_frame);
}

// --- the interpreter ---

inline PyThreadState* thread_state_or_null() noexcept { return PyThreadState_GetUnchecked(); }

inline bool is_finalizing() noexcept { return Py_IsFinalizing() != 0; }

constexpr bool collections_nest = false;

constexpr bool calls_can_be_refused = true;

constexpr bool frames_are_read_while_code_runs = false;

constexpr bool frames_are_sampled = false;

constexpr bool lazy_dicts_are_fast = true;

constexpr std::uint32_t first_with_cached_chunk = 0x030e0400;

}  // namespace tealetpp
