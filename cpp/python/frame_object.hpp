// The frame object of a paused execution.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "core/node.hpp"

namespace tealetpp {

// The frame in which `node` is paused, as an object; None if it runs, has not begun, or has no
// Python frame. None also for a main tealet if greenlet was loaded after its thread opened the last
// domain. The object may be kept: it is whole after the frame has ended. A new reference; nullptr
// with MemoryError. Runs no code.
PyObject* paused_frame_object(tealet::core::Node& node);

}  // namespace tealetpp
