// Generators up to CPython 3.14: one that is completed is never resumed, and CPython clears it when
// it frees it.
#pragma once

#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"

namespace tealetpp {

inline void end_generator(PyGenObject* generator) noexcept {
  generator->gi_frame_state = FRAME_COMPLETED;
}

inline void clear_generator(PyGenObject*) {}

}  // namespace tealetpp
