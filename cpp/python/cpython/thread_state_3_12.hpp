// The layout of CPython 3.12: see layout.hpp.
//
// Here the chain of frames leads over the C stack, C calls have a counter of their own, and
// profilers are tools of sys.monitoring.
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
#include "python/cpython/linked_loops.hpp"
#include "python/cpython/monitoring.hpp"
#include "python/cpython/no_jit_state.hpp"
#include "python/cpython/no_late_instrumentation.hpp"
#include "python/cpython/single_exception.hpp"

namespace tealetpp {

// --- frames ---

inline bool is_call(int opcode) noexcept { return opcode == CALL; }

inline int visit_frame(const _PyInterpreterFrame* frame, visitproc visit, void* arg) {
  Py_VISIT(frame->f_funcobj);
  Py_VISIT(frame->f_code);
  Py_VISIT(frame->f_locals);
  Py_VISIT(frame->frame_obj);
  return visit_slots(frame, frame->f_code->co_nlocalsplus, visit, arg);
}

inline void drop_references(_PyInterpreterFrame* frame) {
  Py_CLEAR(frame->frame_obj);
  Py_CLEAR(frame->f_locals);
  Py_CLEAR(frame->f_funcobj);
  Py_CLEAR(frame->f_code);
}

// --- the thread state ---

class PausedFields {
 public:
  explicit PausedFields(const PyThreadState* thread) noexcept
      : frame_(thread->cframe),
        what_(thread->what_event),
        trash_(thread->trash.delete_nesting),
        recursion_(thread->py_recursion_limit - thread->py_recursion_remaining),
        c_recursion_(thread->c_recursion_remaining) {}

  _PyInterpreterFrame* put_away_frames(const PyThreadState* thread, const void* in_place) noexcept {
    return c_stack_frames_.take_out(running_frame(thread), in_place);
  }

  // tealetpp::farthest_on_c_stack() finds all loops: a pause takes none of them out of the chain.
  const void* farthest_on_c_stack() const noexcept { return nullptr; }

  bool resume(PyThreadState* thread) noexcept {
    thread->cframe = frame_;
    thread->what_event = what_;
    thread->trash.delete_nesting = trash_;
    thread->py_recursion_remaining = thread->py_recursion_limit - recursion_;
    thread->c_recursion_remaining = c_recursion_;
    c_stack_frames_.put_back();
    return has_function_of_tool(thread);
  }

  static void begin(PyThreadState* thread) noexcept {
    thread->cframe = &thread->root_cframe;
    thread->what_event = -1;
    thread->trash.delete_nesting = 0;
  }

 private:
  _PyCFrame* frame_;
  int what_;
  int trash_;
  int recursion_;
  int c_recursion_;
  CStackFrames<FRAME_OWNED_BY_CSTACK> c_stack_frames_;
};
static_assert(sizeof(PausedFields) == 32);

// --- the interpreter ---

inline PyThreadState* thread_state_or_null() noexcept { return _PyThreadState_UncheckedGet(); }

inline bool is_finalizing() noexcept { return _Py_IsFinalizing() != 0; }

// A pending collection begins when gc.collect() calls a Python function: a finalizer or a callback.
constexpr bool collections_nest = true;

// The function that was called leaks.
constexpr bool calls_can_be_refused = false;

constexpr bool frames_are_read_while_code_runs = true;

constexpr bool frames_are_sampled = false;

constexpr bool lazy_dicts_are_fast = true;

constexpr std::uint32_t first_with_cached_chunk = 0;

}  // namespace tealetpp
