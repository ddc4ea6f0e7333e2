// The layout of CPython 3.15: see layout.hpp.
//
// Here every chain of frames ends with the base frame of the thread state, and the code of paused
// frames can be instrumented. The rest is as in 3.14.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "python/cpython/c_stack_frames.hpp"
#include "python/cpython/common_fields.hpp"
#include "python/cpython/internals.hpp"
#include "python/cpython/jit_state.hpp"
#include "python/cpython/layout.hpp"
#include "python/cpython/monitoring.hpp"
#include "python/cpython/python_recursion.hpp"
#include "python/cpython/single_exception.hpp"
#include "python/cpython/stack_references.hpp"

namespace tealetpp {

// --- frames ---

inline _PyInterpreterFrame* running_frame(const PyThreadState* thread) noexcept {
  return thread->current_frame != thread->base_frame ? thread->current_frame : nullptr;
}

inline void set_running_frame(PyThreadState* thread, _PyInterpreterFrame* frame) noexcept {
  thread->current_frame = frame != nullptr ? frame : thread->base_frame;
}

// The states before this one would let the generator be resumed.
inline void end_generator(PyGenObject* generator) noexcept {
  generator->gi_frame_state = FRAME_CLEARED;
}

// CPython clears no generator in that state.
inline void clear_generator(PyGenObject* generator) {
  _PyFrame_ClearExceptCode(&generator->gi_iframe);
  Py_CLEAR(generator->gi_exc_state.exc_value);
}

// --- the thread state ---

class PausedFields {
 public:
  explicit PausedFields(const PyThreadState* thread) noexcept
      : frame_(thread->current_frame),
        what_(thread->what_event),
        recursion_(thread->py_recursion_limit - thread->py_recursion_remaining) {}

  _PyInterpreterFrame* put_away_frames(const PyThreadState* thread, const void* in_place) noexcept {
    return c_stack_frames_.take_out(thread->current_frame, in_place, thread->base_frame);
  }

  const void* farthest_on_c_stack() const noexcept { return c_stack_frames_.farthest(); }

  bool resume(PyThreadState* thread) noexcept {
    c_stack_frames_.put_back();
    forget_samples(thread);
    // A profiler may stop the process here. It must find the chain complete.
    std::atomic_signal_fence(std::memory_order_release);
    thread->current_frame = frame_;
    thread->what_event = what_;
    thread->py_recursion_remaining = thread->py_recursion_limit - recursion_;
    return has_function_of_tool(thread);
  }

  static void begin(PyThreadState* thread) noexcept {
    thread->current_frame = thread->base_frame;
    forget_samples(thread);
    thread->what_event = -1;
  }

 private:
  // A sampling profiler caches the frames of a chain by their addresses. Tealets use the same
  // addresses in turn.
  static void forget_samples(PyThreadState* thread) noexcept {
    thread->last_profiled_frame = nullptr;
  }

  _PyInterpreterFrame* frame_;
  int what_;
  int recursion_;
  CStackFrames<FRAME_OWNED_BY_INTERPRETER> c_stack_frames_;
};
static_assert(sizeof(PausedFields) == 24);

// --- the C stack ---

inline const void* farthest_on_c_stack(const PyThreadState* thread) noexcept {
  return farthest_c_stack_frame<FRAME_OWNED_BY_INTERPRETER>(thread->current_frame,
                                                            thread->base_frame);
}

// --- tools ---

constexpr bool paused_code_can_be_instrumented = true;

// The lower bits are flags: see _PY_EVAL_EVENTS_BITS in pycore_ceval.h.
inline std::uintptr_t monitoring_version(const PyThreadState* thread) noexcept {
  return thread->eval_breaker >> 8;
}

inline bool instrument(const _PyInterpreterFrame* frame) noexcept {
  if (_Py_Instrument(code_of_frame(frame), PyInterpreterState_Get()) == 0) return true;
  PyErr_Clear();
  return false;
}

// --- the interpreter ---

inline PyThreadState* thread_state_or_null() noexcept { return PyThreadState_GetUnchecked(); }

inline bool is_finalizing() noexcept { return Py_IsFinalizing() != 0; }

constexpr bool collections_nest = false;

constexpr bool calls_can_be_refused = true;

constexpr bool frames_are_read_while_code_runs = false;

constexpr bool frames_are_sampled = true;

constexpr bool lazy_dicts_are_fast = true;

constexpr std::uint32_t first_with_cached_chunk = 0x030f0000;

}  // namespace tealetpp
