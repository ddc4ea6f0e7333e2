// The frame object of a paused execution.
#pragma once

#include "python/execution.hpp"

namespace tealetpp {

// The frame in which `execution` is paused, as an object; None if it runs, has not begun, or has no
// Python frame. The object may be kept: it is whole after the frame has ended. A new reference;
// nullptr with MemoryError. Runs no code.
PyObject* paused_frame_object(const Execution& execution);

}  // namespace tealetpp
