// Frames on the C stack, as CPython 3.12 and later versions have them.
//
// Each call of the interpreter loop links a small frame on the C stack into the chain of Python
// frames. Anybody who holds a frame object may follow the chain, through f_back or a traceback.
// While the execution is paused other bytes may lie in that place, so a paused chain leads past
// these frames.
#pragma once

#include <algorithm>

#include "core/check.hpp"
#include "python/cpython/internals.hpp"

namespace tealetpp {

// `owner`: what CPython calls the owner of such a frame.
template <int owner>
class CStackFrames {
 public:
  // Takes the frames below `in_place` out of the chain that begins with `newest`. Those from there
  // up stay where they are, so they may stay in the chain. Returns the newest Python frame.
  //
  // `base`: the base frame of the thread state, with which every chain ends; nullptr if there is
  // none. A chain that is put away ends before it, because the thread may end first.
  _PyInterpreterFrame* take_out(_PyInterpreterFrame* newest, const void* in_place,
                                const _PyInterpreterFrame* base = nullptr) noexcept {
    // The chain begins with such a frame while a loop ends and clears its last Python frame. What
    // that drops may pause.
    while (newest != nullptr && newest->owner == owner) newest = newest->previous;
    for (_PyInterpreterFrame* frame = newest; frame != nullptr;) {
      _PyInterpreterFrame* below = frame->previous;
      while (below != nullptr && below->owner == owner) {
        if (base != nullptr && below == base) {
          // The frame taken out before it still leads to it: put_back() restores the whole chain.
          TEALETPP_CHECK(last_ != nullptr && last_->previous == base);
          frame->previous = nullptr;
          return newest;
        }
        if (static_cast<const void*>(below) >= in_place) return newest;
        // Such a frame has no locals and no frame object: these fields remember its place.
        below->frame_obj = reinterpret_cast<PyFrameObject*>(frame);
        below->f_locals = reinterpret_cast<PyObject*>(last_);
        last_ = below;
        below = below->previous;
        frame->previous = below;
      }
      frame = below;
    }
    return newest;
  }

  // In the opposite order, so that two in a row end up as they were.
  void put_back() noexcept {
    while (last_ != nullptr) {
      _PyInterpreterFrame* next = reinterpret_cast<_PyInterpreterFrame*>(last_->f_locals);
      reinterpret_cast<_PyInterpreterFrame*>(last_->frame_obj)->previous = last_;
      last_->frame_obj = nullptr;
      last_->f_locals = nullptr;
      last_ = next;
    }
  }

  // The farthest of those that were taken out; nullptr if none were.
  const void* farthest() const noexcept {
    const void* farthest = nullptr;
    for (const _PyInterpreterFrame* frame = last_; frame != nullptr;
         frame = reinterpret_cast<const _PyInterpreterFrame*>(frame->f_locals)) {
      farthest = std::max<const void*>(farthest, frame);
    }
    return farthest;
  }

 private:
  _PyInterpreterFrame* last_ = nullptr;
};

// The farthest such frame in a chain; nullptr if there is none. The chain may end with `base`,
// which is not on the C stack.
template <int owner>
const void* farthest_c_stack_frame(const _PyInterpreterFrame* newest,
                                   const _PyInterpreterFrame* base = nullptr) noexcept {
  const void* farthest = nullptr;
  for (const _PyInterpreterFrame* frame = newest; frame != nullptr && frame != base;
       frame = frame->previous) {
    if (frame->owner == owner) farthest = std::max<const void*>(farthest, frame);
  }
  return farthest;
}

}  // namespace tealetpp
