// Trace and profile functions that keep a stack of their own. See docs/tools.md.
//
// They push an entry when a function is called, and pop one when it returns. A tealet that pauses
// has not returned, so they would count what runs next as called by it. Therefore a pause notifies
// them of returns, and a resumption notifies them of calls.
//
// has_tool_at_pause() in cpython/layout.hpp tells whether there may be such a tool.
#pragma once

#include "python/cpython/thread_state.hpp"

namespace tealetpp {

// Notify the tools that the frames of the running execution are left, or entered again. The frames
// of a main tealet are below those of all tealets on a tool's stack, and stay there. Any code of
// the tools may run, but no garbage is collected. The exception that is set stays set.
void notify_tools_of_pause(PyThreadState* thread, bool is_main);
void notify_tools_of_resumption(PyThreadState* thread, bool is_main);

}  // namespace tealetpp
