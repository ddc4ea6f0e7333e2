// The slots of a frame as CPython 3.11 to 3.13 have them: an array of references, and the number of
// those that are filled.
#pragma once

#include <cstddef>

#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"

namespace tealetpp {

inline int filled_slots(const _PyInterpreterFrame* frame) noexcept { return frame->stacktop; }

inline void set_filled_slots(_PyInterpreterFrame* frame, int count) noexcept {
  frame->stacktop = count;
}

inline PyObject* slot_of_frame(const _PyInterpreterFrame* frame, int index) noexcept {
  return frame->localsplus[index];
}

inline void clear_slots(_PyInterpreterFrame* frame, int count) {
  for (int i = 0; i < count; ++i) Py_CLEAR(frame->localsplus[i]);
}

inline int visit_slots(const _PyInterpreterFrame* frame, int count, visitproc visit, void* arg) {
  for (int i = 0; i < count; ++i) Py_VISIT(frame->localsplus[i]);
  return 0;
}

inline std::size_t frame_size(const _PyInterpreterFrame* frame, int count) noexcept {
  return static_cast<std::size_t>(reinterpret_cast<const char*>(&frame->localsplus[count]) -
                                  reinterpret_cast<const char*>(frame));
}

// Nothing in a frame points into it.
inline void correct_moved(_PyInterpreterFrame*, const _PyInterpreterFrame*) noexcept {}

// All references are counted.
inline void own_references(_PyInterpreterFrame*, int) noexcept {}

}  // namespace tealetpp
