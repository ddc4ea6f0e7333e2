// Trace and profile functions that keep a stack of their own. See docs/tools.md.
//
// They push an entry when a function is called, and pop one when it returns. A tealet that pauses
// has not returned, so what runs next would be taken for a part of it.
//
// has_tool_at_pause() in cpython/layout.hpp tells whether there may be such a tool.
#pragma once

#include "python/cpython/thread_state.hpp"

namespace tealetpp {

// Tells the tools that the frames of the running execution are left, and are entered again. Those
// of a main tealet are the bottom of everybody's stack and stay there. Any code of the tools may
// run, but no garbage is collected. The exception that is set stays set.
void tell_tools_of_pause(PyThreadState* thread, bool is_main);
void tell_tools_of_resumption(PyThreadState* thread, bool is_main);

}  // namespace tealetpp
