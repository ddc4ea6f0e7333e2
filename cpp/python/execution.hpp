// A Python execution: the part of its state that others point to, and what it owns.
//
// It lies behind the tealet's node, so it is found without the tealet's C stack: by the collector,
// and at the end of a tealet that is never resumed. The rest of a paused execution's state is its
// PausedState.
#pragma once

#include "core/check.hpp"
#include "python/cpython/common_fields.hpp"
#include "python/cpython/thread_state.hpp"

namespace tealetpp {

class SavedFrames;

// PausedExecutor is a base class so that it takes no memory where it is empty.
struct Execution : PausedExecutor {
  PyObject* function;                 // strong: what it runs
  PyObject* arguments;                // strong: a tuple of what it was called with, if not borrowed
  PyObject* context;                  // strong, while it does not run: its context variables
  SavedFrames* saved_frames;          // owned: see SharedDataStack
  _PyErr_StackItem handled;           // the outermost entry of its chain of handled exceptions
  _PyInterpreterFrame* paused_frame;  // where it paused; nullptr while it runs
};

// Whether it owns nothing, as after the end of its tealet.
inline bool is_empty(const Execution& execution) noexcept {
  return execution.function == nullptr && execution.arguments == nullptr &&
         execution.context == nullptr && execution.saved_frames == nullptr &&
         execution.handled.exc_value == nullptr && execution.paused_frame == nullptr &&
         !execution.has_executor();
}

// Shows the collector what the frames of a paused execution own. Otherwise it would never find a
// tealet that its own variables refer to. What lies in C variables stays hidden, up to CPython 3.13
// also what lies on evaluation stacks. That is safe: it counts as referred to from outside.
inline int visit_execution(const Execution& execution, visitproc visit, void* arg) {
  Py_VISIT(execution.function);
  Py_VISIT(execution.arguments);
  Py_VISIT(execution.context);
  if (execution.paused_frame == nullptr) return 0;
  Py_VISIT(execution.handled.exc_value);
  for (const _PyInterpreterFrame* frame = execution.paused_frame; frame != nullptr;
       frame = frame->previous) {
    if (frame->owner != FRAME_OWNED_BY_THREAD) continue;  // a generator shows its own
    const int result = visit_frame(frame, visit, arg);
    if (result != 0) return result;
  }
  return 0;
}

// Makes the thread state that of an execution that begins here, with `space` below it: no frames,
// no handled exception, its own context variables. SharedDataStack::begin() has been called.
inline void begin_execution(PyThreadState* thread, Execution& execution,
                            tealet::port::StackSpace space) noexcept {
  TEALETPP_CHECK(execution.paused_frame == nullptr);
  execution.handled.exc_value = nullptr;
  execution.handled.previous_item = nullptr;
  thread->exc_info = &execution.handled;
  thread->context = execution.context;
  execution.context = nullptr;
  thread->context_ver++;
  thread->tracing = 0;
  thread->recursion_headroom = 0;
  allow_recursion(thread, space);
  Execution::begin_executor(thread);
  PausedFields::begin(thread);
}

// Drops what the running execution owns, at its end. Any code may run. The execution has its data
// stack until SharedDataStack::end().
inline void end_execution(PyThreadState* thread, Execution& execution) {
  TEALETPP_CHECK(execution.paused_frame == nullptr && execution.context == nullptr);
  Py_CLEAR(execution.handled.exc_value);
  Py_CLEAR(execution.arguments);
  Py_CLEAR(execution.function);
  while (PyObject* context = thread->context) {
    thread->context = nullptr;
    thread->context_ver++;
    Py_DECREF(context);
  }
}

}  // namespace tealetpp
