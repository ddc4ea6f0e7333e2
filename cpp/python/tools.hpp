// Trace and profile functions that keep a stack of their own. See docs/tools.md.
//
// They push an entry when a function is called, and pop one when it returns. A tealet that pauses
// has not returned, so what runs next would be taken for a part of it.
#pragma once

#include "python/thread_state.hpp"

namespace tealetpp {

// Whether there may be a tool that a pause of the running execution must be told to.
inline bool has_tool_at_pause(const PyThreadState* thread) noexcept {
#if PY_VERSION_HEX >= 0x030c0000
  // cProfile is a tool of sys.monitoring, and these put their events into the code that runs.
  return has_function_of_tool(thread) || is_profiled(running_frame(thread));
#else
  return thread->cframe->use_tracing != 0;
#endif
}

// Tells the tools that the frames of the running execution are left, and are entered again. Those
// of a main tealet are the bottom of everybody's stack and stay there. Any code of the tools may
// run, but no garbage is collected. The exception that is set stays set.
void tell_tools_of_pause(PyThreadState* thread, bool is_main);
void tell_tools_of_resumption(PyThreadState* thread, bool is_main);

}  // namespace tealetpp
