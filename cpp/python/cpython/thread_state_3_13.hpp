// The layout of CPython 3.13: see layout.hpp.
//
// Here the thread state points to the newest frame itself, and only the chain of frames shows which
// interpreter loops are on the C stack. C calls have a counter of their own, and profilers are
// tools of sys.monitoring.
#pragma once

#include <opcode.h>

#include <cstddef>
#include <cstdint>

#include "python/cpython/c_recursion.hpp"
#include "python/cpython/c_stack_frames.hpp"
#include "python/cpython/common_fields.hpp"
#include "python/cpython/completed_generator.hpp"
#include "python/cpython/frame_slots.hpp"
#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"
#include "python/cpython/monitoring.hpp"
#include "python/cpython/no_jit_state.hpp"
#include "python/cpython/no_late_instrumentation.hpp"
#include "python/cpython/single_exception.hpp"

namespace tealetpp {

// --- frames ---

inline _PyInterpreterFrame* running_frame(const PyThreadState* thread) noexcept {
  return thread->current_frame;
}

inline void set_running_frame(PyThreadState* thread, _PyInterpreterFrame* frame) noexcept {
  thread->current_frame = frame;
}

inline PyCodeObject* code_of_frame(const _PyInterpreterFrame* frame) noexcept {
  return reinterpret_cast<PyCodeObject*>(frame->f_executable);
}

inline PyGenObject* generator_of_frame(_PyInterpreterFrame* frame) noexcept {
  return _PyFrame_GetGenerator(frame);
}

inline const _Py_CODEUNIT* current_instruction(const _PyInterpreterFrame* frame) noexcept {
  return frame->instr_ptr;
}

inline bool is_call(int opcode) noexcept { return opcode == CALL; }

inline int visit_frame(const _PyInterpreterFrame* frame, visitproc visit, void* arg) {
  Py_VISIT(frame->f_funcobj);
  Py_VISIT(frame->f_executable);
  Py_VISIT(frame->f_locals);
  Py_VISIT(frame->frame_obj);
  return visit_slots(frame, code_of_frame(frame)->co_nlocalsplus, visit, arg);
}

inline void drop_references(_PyInterpreterFrame* frame) {
  Py_CLEAR(frame->frame_obj);
  Py_CLEAR(frame->f_locals);
  Py_CLEAR(frame->f_funcobj);
  Py_CLEAR(frame->f_executable);
}

// --- the thread state ---

class PausedFields {
 public:
  explicit PausedFields(const PyThreadState* thread) noexcept
      : frame_(thread->current_frame),
        what_(thread->what_event),
        recursion_(thread->py_recursion_limit - thread->py_recursion_remaining),
        c_recursion_(thread->c_recursion_remaining) {}

  _PyInterpreterFrame* put_away_frames(const PyThreadState* thread, const void* in_place) noexcept {
    return c_stack_frames_.take_out(running_frame(thread), in_place);
  }

  const void* farthest_on_c_stack() const noexcept { return c_stack_frames_.farthest(); }

  bool resume(PyThreadState* thread) noexcept {
    thread->current_frame = frame_;
    thread->what_event = what_;
    thread->py_recursion_remaining = thread->py_recursion_limit - recursion_;
    thread->c_recursion_remaining = c_recursion_;
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
  int c_recursion_;
  CStackFrames<FRAME_OWNED_BY_CSTACK> c_stack_frames_;
};
static_assert(sizeof(PausedFields) == 32);

// --- the C stack ---

inline const void* farthest_on_c_stack(const PyThreadState* thread) noexcept {
  return farthest_c_stack_frame<FRAME_OWNED_BY_CSTACK>(thread->current_frame);
}

// --- the interpreter ---

inline PyThreadState* thread_state_or_null() noexcept { return PyThreadState_GetUnchecked(); }

inline bool is_finalizing() noexcept { return Py_IsFinalizing() != 0; }

constexpr bool collections_nest = false;

constexpr bool calls_can_be_refused = true;

constexpr bool frames_are_read_while_code_runs = false;

constexpr bool frames_are_sampled = false;

constexpr bool lazy_dicts_are_fast = true;

constexpr std::uint32_t first_with_cached_chunk = 0x030d0d00;

}  // namespace tealetpp
