// Frames as CPython 3.11 and 3.12 have them: each interpreter loop on the C stack has a _PyCFrame,
// which points to the newest frame of the loop. The loops are linked from the thread state.
#pragma once

#include <algorithm>

#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"

namespace tealetpp {

inline _PyInterpreterFrame* running_frame(const PyThreadState* thread) noexcept {
  return thread->cframe->current_frame;
}

inline void set_running_frame(PyThreadState* thread, _PyInterpreterFrame* frame) noexcept {
  thread->cframe->current_frame = frame;
}

inline PyCodeObject* code_of_frame(const _PyInterpreterFrame* frame) noexcept {
  return frame->f_code;
}

inline PyGenObject* generator_of_frame(_PyInterpreterFrame* frame) noexcept {
  return _PyFrame_GetGenerator(frame);
}

inline const _Py_CODEUNIT* current_instruction(const _PyInterpreterFrame* frame) noexcept {
  return frame->prev_instr;
}

inline const void* farthest_on_c_stack(const PyThreadState* thread) noexcept {
  const void* farthest = nullptr;
  for (const _PyCFrame* frame = thread->cframe; frame != nullptr && frame != &thread->root_cframe;
       frame = frame->previous) {
    farthest = std::max<const void*>(farthest, frame);
  }
  return farthest;
}

}  // namespace tealetpp
