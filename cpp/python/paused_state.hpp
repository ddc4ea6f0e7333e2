// What a paused execution keeps of CPython's thread state.
//
// It lies on the tealet's own C stack, which is saved and restored with everything else there.
// What must stay in place, because CPython may look at it meanwhile, lies in the Execution.
#pragma once

#include "core/check.hpp"
#include "port/compiler.hpp"
#include "python/execution.hpp"

namespace tealetpp {

// Made before a switch. After it, whether or not it took place, resume() makes the thread state
// this execution's again, except for the data stack: see SharedDataStack.
class PausedState {
 public:
  // `in_place`: this execution's C stack is not overwritten from there up.
  //
  // Not inline, nor is resume(): the compiler would take the members apart and keep them in
  // registers and on the stack, all of which is copied with every switch.
  TEALETPP_NOINLINE PausedState(PyThreadState* thread, Execution& execution,
                                const void* in_place) noexcept
      : handled_(thread->exc_info),
        tracing_(thread->tracing),
        headroom_(thread->recursion_headroom),
        fields_(thread) {
    TEALETPP_CHECK(execution.paused_frame == nullptr && execution.context == nullptr);
    execution.paused_frame = fields_.put_away_frames(thread, in_place);
    execution.context = thread->context;
    execution.put_away_executor(thread);
  }

  // Completes tealetpp::farthest_on_c_stack(), which does not find frames that were put away.
  const void* farthest_on_c_stack() const noexcept { return fields_.farthest_on_c_stack(); }

  // Returns whether there is a trace or a profile function.
  TEALETPP_NOINLINE bool resume(PyThreadState* thread, Execution& execution) noexcept {
    TEALETPP_CHECK(thread == PyThreadState_Get());
    thread->exc_info = handled_;
    if (thread->context != execution.context) {
      thread->context = execution.context;
      thread->context_ver++;  // or ContextVar.get() would answer from its cache
    }
    execution.context = nullptr;
    execution.paused_frame = nullptr;
    execution.resume_executor(thread);
    thread->tracing = tracing_;
    thread->recursion_headroom = headroom_;
    return fields_.resume(thread);
  }

 private:
  // Copied with fewest instructions in this order.
  _PyErr_StackItem* handled_;
  int tracing_;
  int headroom_;
  PausedFields fields_;
};
// It is on every saved stack.
static_assert(sizeof(PausedState) == sizeof(PausedFields) + 16);

}  // namespace tealetpp
