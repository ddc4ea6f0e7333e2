// What CPython keeps per execution rather than per thread. This is the one file that knows
// CPython's thread state. Frames (paused_frames.cpp) and tools (tools.cpp) depend on its version,
// too.
//
// A tealet that pauses keeps all of it in a PausedState on its own C stack, which is saved and
// restored with everything else there. What must stay in place while it is paused, because CPython
// may look at it from elsewhere, lies on the heap: see Execution.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x030e0000
#error "tealetpp knows the thread state of CPython 3.11, 3.12 and 3.13 only"
#endif
#ifdef Py_GIL_DISABLED
#error "tealetpp does not support CPython without the global interpreter lock"
#endif
#ifdef PYPY_VERSION
#error "tealetpp works on the C stack of CPython"
#endif

// The layout of interpreter frames is internal.
#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#define TEALETPP_UNDEFINE_PY_BUILD_CORE
#endif
#include <internal/pycore_frame.h>
#ifdef TEALETPP_UNDEFINE_PY_BUILD_CORE
#undef Py_BUILD_CORE
#undef TEALETPP_UNDEFINE_PY_BUILD_CORE
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "port/compiler.hpp"
#include "port/thread_stack.hpp"

namespace tealetpp {

// --- exceptions as single objects, as CPython has had them since 3.12 ---

// Takes the exception that is set, traceback included: a new reference, or nullptr if none is set.
inline PyObject* take_raised() {
#if PY_VERSION_HEX >= 0x030c0000
  return PyErr_GetRaisedException();
#else
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return nullptr;
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_DECREF(type);
  Py_XDECREF(traceback);
  return value;
#endif
}

// Sets `exception`, consuming the reference. Does nothing if it is nullptr.
inline void set_raised(PyObject* exception) {
  if (exception == nullptr) return;
#if PY_VERSION_HEX >= 0x030c0000
  PyErr_SetRaisedException(exception);
#else
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception))), exception,
                PyException_GetTraceback(exception));
#endif
}

// --- the data stack: where Python frames lie ---

// CPython gives every new data stack a first chunk of 16 KiB and keeps it for the thread's life.
// A tealet gets a first chunk of its own, just large enough for its function; when that is used up
// CPython adds its 16 KiB chunks behind it, and takes them away again.
constexpr std::size_t largest_first_chunk = 16 * 1024;

// Words that a frame of `function` takes; 0 if it is not a Python function, or there is none.
inline std::size_t frame_words(PyObject* function) noexcept {
  if (function == nullptr || !PyFunction_Check(function)) return 0;
  const auto* code = reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(function));
#if PY_VERSION_HEX >= 0x030c0000
  return static_cast<std::size_t>(code->co_framesize);
#else
  return static_cast<std::size_t>(code->co_nlocalsplus + code->co_stacksize) + FRAME_SPECIALS_SIZE;
#endif
}

// Bytes of a first chunk that holds frames of `words` words together. CPython asks for one word
// more than it uses, and the first word of a chunk without a predecessor stays empty: that keeps
// CPython from freeing the chunk with its first frame.
inline std::size_t first_chunk_size(std::size_t words) noexcept {
  const std::size_t size = sizeof(_PyStackChunk) + sizeof(PyObject*) * (words + 1);
  return (size + 15) / 16 * 16;
}

// CPython leaves the first word of a chunk without a predecessor alone, so it keeps the `owner`.
inline _PyStackChunk* make_first_chunk(void* block, std::size_t size, void* owner) noexcept {
  auto* chunk = static_cast<_PyStackChunk*>(block);
  chunk->previous = nullptr;
  chunk->size = size;
  chunk->top = 0;  // CPython sets it when it adds a chunk behind this one
  chunk->data[0] = static_cast<PyObject*>(owner);
  return chunk;
}
inline void* owner_of_first_chunk(const _PyStackChunk* first) noexcept { return first->data[0]; }

// Where CPython takes a chunk to be full; a thread that has run nothing yet has none.
inline PyObject** end_of_chunk(_PyStackChunk* chunk) noexcept {
  if (chunk == nullptr) return nullptr;
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(chunk) + chunk->size);
}

// Whether the first chunk was ever too small.
inline bool outgrown(const _PyStackChunk* first) noexcept { return first->top != 0; }
// It begins anew with the next execution.
inline void forget_use(_PyStackChunk* first) noexcept { first->top = 0; }

// Words that the frames of the running execution take, if they have outgrown its first chunk and
// still do; else 0.
inline std::size_t words_outgrown(const PyThreadState* thread) noexcept {
  const _PyStackChunk* chunk = thread->datastack_chunk;
  if (chunk == nullptr || chunk->previous == nullptr) return 0;
  auto words = static_cast<std::size_t>(thread->datastack_top - &chunk->data[0]);
  while ((chunk = chunk->previous) != nullptr) words += chunk->top;
  return words;
}

// --- one execution ---

// The parts of an execution's state that other parts point to, and what it owns. That must be found
// without its C stack, if it ends without being resumed.
struct Execution {
  PyObject* function;                 // strong: what it runs
  PyObject* arguments;                // strong: a tuple of what it was called with, if not borrowed
  PyObject* context;                  // strong, while it does not run: its context variables
  _PyStackChunk* data_stack;          // owned: the newest chunk, while it does not run
  _PyErr_StackItem handled;           // the outermost entry of its chain of handled exceptions
  _PyInterpreterFrame* paused_frame;  // where it paused; nullptr while it runs
};

// The outermost entry of the chain of handled exceptions tells whose execution runs, whatever
// library has switched to it: a tealet's is in its Execution, all others' are in the thread state.
inline const _PyErr_StackItem* outermost_handled(const PyThreadState* thread) noexcept {
  const _PyErr_StackItem* item = thread->exc_info;
  while (item->previous_item != nullptr) item = item->previous_item;
  return item;
}

inline _PyInterpreterFrame* running_frame(const PyThreadState* thread) noexcept {
#if PY_VERSION_HEX >= 0x030d0000
  return thread->current_frame;
#else
  return thread->cframe->current_frame;
#endif
}

inline void set_running_frame(PyThreadState* thread, _PyInterpreterFrame* frame) noexcept {
#if PY_VERSION_HEX >= 0x030d0000
  thread->current_frame = frame;
#else
  thread->cframe->current_frame = frame;
#endif
}

inline PyCodeObject* code_of_frame(const _PyInterpreterFrame* frame) noexcept {
#if PY_VERSION_HEX >= 0x030d0000
  return reinterpret_cast<PyCodeObject*>(frame->f_executable);
#else
  return frame->f_code;
#endif
}

#if PY_VERSION_HEX >= 0x030c0000
// Whether a profiler is told by sys.monitoring when the function of this frame returns.
inline bool is_profiled(const _PyInterpreterFrame* frame) noexcept {
  constexpr int py_return = 2;              // PY_MONITORING_EVENT_PY_RETURN
  constexpr unsigned profilers = 1U << 2U;  // sys.monitoring.PROFILER_ID
  if (frame == nullptr) return false;
  const _PyCoMonitoringData* monitoring = code_of_frame(frame)->_co_monitoring;
  return monitoring != nullptr && (monitoring->active_monitors.tools[py_return] & profilers) != 0;
}
#endif

// Shows the garbage collector what the frames of a paused execution own. Without that a tealet that
// is referred to by its own variables would never be found. What lies on the frames' evaluation
// stacks, or in C variables, stays hidden: it counts as referred to from outside, which is safe.
inline int visit_execution(const Execution& execution, visitproc visit, void* arg) {
  Py_VISIT(execution.function);
  Py_VISIT(execution.arguments);
  Py_VISIT(execution.context);
  if (execution.paused_frame == nullptr) return 0;
  Py_VISIT(execution.handled.exc_value);
  for (const _PyInterpreterFrame* frame = execution.paused_frame; frame != nullptr;
       frame = frame->previous) {
    if (frame->owner != FRAME_OWNED_BY_THREAD) continue;  // a generator shows its own
    PyCodeObject* const code = code_of_frame(frame);
#if PY_VERSION_HEX >= 0x030c0000
    Py_VISIT(frame->f_funcobj);
#else
    Py_VISIT(frame->f_func);
#endif
    Py_VISIT(code);
    Py_VISIT(frame->f_locals);
    Py_VISIT(frame->frame_obj);
    for (int i = 0; i < code->co_nlocalsplus; ++i) Py_VISIT(frame->localsplus[i]);
  }
  return 0;
}

inline bool is_finalizing() noexcept {
#if PY_VERSION_HEX >= 0x030d0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

// Whether a collection may begin in the middle of another one on the same thread. On 3.12 one that
// is pending does when gc.collect() calls a Python function: a finalizer or a callback.
constexpr bool collections_nest = PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030d0000;

// In the word before an object's head that CPython has for the collector: see its pycore_gc.h.
constexpr std::uintptr_t finalized_flag = 1;

// Lets the collector call tp_finalize of `object` again, which it does only once otherwise.
inline void allow_finalizing_again(PyObject* object) noexcept {
  reinterpret_cast<std::uintptr_t*>(object)[-1] &= ~finalized_flag;
}

// Whether the running execution has an interpreter loop on the C stack at or beyond `address`.
inline bool reaches_on_c_stack(const PyThreadState* thread, const void* address) noexcept {
#if PY_VERSION_HEX >= 0x030d0000
  for (const _PyInterpreterFrame* frame = thread->current_frame; frame != nullptr;
       frame = frame->previous) {
    if (frame->owner == FRAME_OWNED_BY_CSTACK && static_cast<const void*>(frame) >= address) {
      return true;
    }
  }
#else
  for (const _PyCFrame* frame = thread->cframe; frame != nullptr && frame != &thread->root_cframe;
       frame = frame->previous) {
    if (static_cast<const void*>(frame) >= address) return true;
  }
#endif
  return false;
}

// Whether there is a trace or a profile function.
inline bool has_function_of_tool(const PyThreadState* thread) noexcept {
  return (reinterpret_cast<std::uintptr_t>(thread->c_tracefunc) |
          reinterpret_cast<std::uintptr_t>(thread->c_profilefunc)) != 0;
}

inline std::uint64_t thread_state_id(const PyThreadState* thread) noexcept { return thread->id; }

// A new reference to a copy of the running execution's context variables; nullptr if it has none,
// and with an exception set if there is no memory.
inline PyObject* copy_context(const PyThreadState* thread) {
  return thread->context == nullptr ? nullptr : PyContext_CopyCurrent();
}

#if PY_VERSION_HEX >= 0x030c0000

// Since 3.12 the chain of frames also leads through frames that lie on the C stack, one for each
// call of the interpreter loop, and anybody who holds a frame object may follow the chain: f_back,
// or a traceback. While the execution is paused other bytes may lie there. So a paused chain leads
// past them.
class CStackFrames {
 public:
  // Takes all of them below `in_place` out of the chain, which begins with one that is none: what
  // lies at or above stays where it is.
  void take_out(_PyInterpreterFrame* newest, const void* in_place) noexcept {
    for (_PyInterpreterFrame* frame = newest; frame != nullptr;) {
      _PyInterpreterFrame* below = frame->previous;
      while (below != nullptr && below->owner == FRAME_OWNED_BY_CSTACK) {
        if (static_cast<const void*>(below) >= in_place) return;
        // Such a frame has no locals and no frame object, so it has room to remember its place.
        below->frame_obj = reinterpret_cast<PyFrameObject*>(frame);
        below->f_locals = reinterpret_cast<PyObject*>(last_);
        last_ = below;
        below = below->previous;
        frame->previous = below;
      }
      frame = below;
    }
  }
  // The last one taken out goes back first, so that two in a row end up in their order.
  void put_back() noexcept {
    while (last_ != nullptr) {
      _PyInterpreterFrame* next = reinterpret_cast<_PyInterpreterFrame*>(last_->f_locals);
      reinterpret_cast<_PyInterpreterFrame*>(last_->frame_obj)->previous = last_;
      last_->frame_obj = nullptr;
      last_->f_locals = nullptr;
      last_ = next;
    }
  }
  // Whether one that was taken out lies at or beyond `address`.
  bool reach(const void* address) const noexcept {
    for (const _PyInterpreterFrame* frame = last_; frame != nullptr;
         frame = reinterpret_cast<const _PyInterpreterFrame*>(frame->f_locals)) {
      if (static_cast<const void*>(frame) >= address) return true;
    }
    return false;
  }

 private:
  _PyInterpreterFrame* last_ = nullptr;
};

#endif

// Everything of the running execution that the next one must not see. Made before a switch; after
// it, whether or not it took place, resume() makes the thread state this execution's again.
class PausedState {
 public:
  // `in_place`: bytes of this execution's C stack from there up will not be overwritten.
  //
  // Not inline, nor is resume(): the members would be taken apart and kept in as many registers and
  // places on the stack, where all of this is copied with every switch.
  TEALETPP_NOINLINE PausedState(PyThreadState* thread, Execution& execution,
                                [[maybe_unused]] const void* in_place) noexcept
      :
#if PY_VERSION_HEX >= 0x030d0000
        frame_(thread->current_frame),
        what_(thread->what_event),
        recursion_(thread->py_recursion_limit - thread->py_recursion_remaining),
        c_recursion_(thread->c_recursion_remaining),
#elif PY_VERSION_HEX >= 0x030c0000
        frame_(thread->cframe),
        what_(thread->what_event),
        trash_(thread->trash.delete_nesting),
        recursion_(thread->py_recursion_limit - thread->py_recursion_remaining),
        c_recursion_(thread->c_recursion_remaining),
#else
        frame_(thread->cframe),
        what_(thread->tracing_what),
        trash_(thread->trash_delete_nesting),
        recursion_(thread->recursion_limit - thread->recursion_remaining),
#endif
        data_top_(thread->datastack_top),
        handled_(thread->exc_info),
        tracing_(thread->tracing),
        headroom_(thread->recursion_headroom) {
    _PyInterpreterFrame* frame = running_frame(thread);
#if PY_VERSION_HEX >= 0x030c0000
    // A call of the interpreter loop is at its end: the last frame is being cleared, and what it
    // dropped is being closed.
    while (frame != nullptr && frame->owner == FRAME_OWNED_BY_CSTACK) frame = frame->previous;
    c_stack_frames_.take_out(frame, in_place);
#endif
    execution.paused_frame = frame;
    execution.data_stack = thread->datastack_chunk;
    execution.context = thread->context;
  }

  // The rest of what tealetpp::reaches_on_c_stack() looks for.
  bool reaches_on_c_stack([[maybe_unused]] const void* address) const noexcept {
#if PY_VERSION_HEX >= 0x030d0000
    return c_stack_frames_.reach(address);
#else
    return false;
#endif
  }

  // Returns whether there is a trace or a profile function.
  TEALETPP_NOINLINE bool resume(PyThreadState* thread, Execution& execution) noexcept {
    thread->datastack_chunk = execution.data_stack;
    thread->datastack_top = data_top_;
    thread->datastack_limit = end_of_chunk(execution.data_stack);
    thread->exc_info = handled_;
    if (thread->context != execution.context) {
      thread->context = execution.context;
      thread->context_ver++;  // or ContextVar.get() would answer from its cache
    }
    execution.context = nullptr;
    execution.paused_frame = nullptr;
    thread->tracing = tracing_;
    thread->recursion_headroom = headroom_;
#if PY_VERSION_HEX >= 0x030d0000
    thread->current_frame = frame_;
    thread->what_event = what_;
    thread->py_recursion_remaining = thread->py_recursion_limit - recursion_;
    thread->c_recursion_remaining = c_recursion_;
#elif PY_VERSION_HEX >= 0x030c0000
    thread->cframe = frame_;
    thread->what_event = what_;
    thread->trash.delete_nesting = trash_;
    thread->py_recursion_remaining = thread->py_recursion_limit - recursion_;
    thread->c_recursion_remaining = c_recursion_;
#else
    thread->cframe = frame_;
    thread->tracing_what = what_;
    thread->trash_delete_nesting = trash_;
    thread->recursion_remaining = thread->recursion_limit - recursion_;
    return resume_tracing(thread);
#endif
#if PY_VERSION_HEX >= 0x030c0000
    c_stack_frames_.put_back();
    return has_function_of_tool(thread);
#endif
  }

#if PY_VERSION_HEX < 0x030c0000
  // sys.settrace() sets a flag in the running interpreter loop only, on its C stack. It may have
  // been called while another execution ran. Returns whether there is a function.
  static bool resume_tracing(PyThreadState* thread) noexcept {
    const bool has_function = has_function_of_tool(thread);
    thread->cframe->use_tracing = 0;
    if (TEALET_UNLIKELY(has_function) && thread->tracing == 0) thread->cframe->use_tracing = 255;
    return has_function;
  }
#endif

 private:
  // Few and small: they are on every saved stack.
#if PY_VERSION_HEX >= 0x030d0000
  _PyInterpreterFrame* frame_;
  int what_;
  int recursion_;
  int c_recursion_;
#elif PY_VERSION_HEX >= 0x030c0000
  _PyCFrame* frame_;
  int what_;
  int trash_;
  int recursion_;
  int c_recursion_;
#else
  _PyCFrame* frame_;
  int what_;
  int trash_;
  int recursion_;
#endif
  PyObject** data_top_;
  _PyErr_StackItem* handled_;
  int tracing_;
  int headroom_;
#if PY_VERSION_HEX >= 0x030c0000
  CStackFrames c_stack_frames_;
#endif
};

// --- recursion ---
//
// CPython counts calls, but what must not be overrun is the C stack. Its limits are made for an
// execution that has a stack to itself. A tealet begins somewhere on a stack of which others may
// have used up any part. So the place where it begins decides how many calls it may nest, not the
// counters of its runner: a stub begins where it was captured.
//
// CPython 3.11 has one counter for all calls. Since 3.12 calls from Python to Python, which take no
// C stack, have a counter of their own: each tealet has its full limit.

// Bytes of the C stack that a counted call takes at the worst: most take 100 to 700, but sorted()
// with a key function has a buffer on the stack. It takes 4,992 bytes with two calls on 3.11, and
// 5,008 with three since 3.12. A debug build may be compiled without optimisation.
#ifdef Py_DEBUG
constexpr std::size_t worst_call = 4096;
#elif PY_VERSION_HEX >= 0x030c0000
constexpr std::size_t worst_call = 1792;
#else
constexpr std::size_t worst_call = 2560;
#endif

#if PY_VERSION_HEX >= 0x030c0000

// The same for a Python frame with the C calls that lead to it: 5,152 bytes. The rest is for calls
// that have no Python frame, such as the repr() of nested lists.
constexpr std::size_t worst_frame = 4 * worst_call;
// What sys.getrecursionlimit() is unless changed.
constexpr std::size_t usual_limit = 1000;
// While no more than 50 calls are left, CPython 3.13 puts off freeing containers. So there are some
// more even on the last bit of a small stack.
constexpr int fewest_calls = 64;

// How many C calls CPython allows a thread: a constant of the interpreter that runs, which may not
// be the one that this was compiled for.
inline int c_recursion_limit = 0;

// To be called before any execution begins. False with MemoryError.
inline bool learn_c_recursion_limit() {
  PyThreadState* fresh = PyThreadState_New(PyInterpreterState_Get());
  if (fresh == nullptr) {
    PyErr_NoMemory();
    return false;
  }
  c_recursion_limit = fresh->c_recursion_remaining;
  PyThreadState_Clear(fresh);
  PyThreadState_Delete(fresh);
  return true;
}

// How many C calls an execution may nest that begins with `space` below it.
inline int calls_allowed(const PyThreadState* thread, tealet::port::StackSpace space) noexcept {
  const auto full = static_cast<std::size_t>(c_recursion_limit);
  if (full * worst_call <= space.left) return c_recursion_limit;
  // CPython 3.13 allows more of the worst calls than any usual stack holds. There the limit of
  // Python frames ends such a recursion in time. Where it still does so here, a tealet gets its
  // share of the calls, and all of them near the top. A raised limit may protect nothing, in or out
  // of tealets: then a tealet near the top has what plain Python has, and a deeper one is safe.
  const std::size_t needed = static_cast<std::size_t>(thread->py_recursion_limit) * worst_frame;
  const bool raised = needed > space.whole && usual_limit * worst_frame <= space.whole;
  std::size_t calls = space.left / worst_call;
  if (raised ? space.left >= space.whole / 4 * 3 : needed <= space.left) {
    if (space.left >= space.whole / 16 * 15) return c_recursion_limit;
    calls = std::max(calls, full * space.left / space.whole);
  }
  return std::max(static_cast<int>(calls), fewest_calls);
}

inline void allow_recursion(PyThreadState* thread, tealet::port::StackSpace space) noexcept {
  thread->py_recursion_remaining = thread->py_recursion_limit;
  // On a stack of unknown bounds the count goes on, as if the tealet had been called.
  if (space.whole != 0) thread->c_recursion_remaining = calls_allowed(thread, space);
}

#else

inline bool learn_c_recursion_limit() { return true; }

// How many calls an execution may nest that begins with `space` below it.
inline int calls_allowed(const PyThreadState* thread, tealet::port::StackSpace space) noexcept {
  const int limit = thread->recursion_limit;
  const std::size_t needed = static_cast<std::size_t>(limit) * worst_call;
  if (needed <= space.left) return limit;
  // A raised limit may protect nothing, in or out of tealets: then a tealet near the top has what
  // plain Python has, and a deeper one is safe.
  if (needed > space.whole && space.left >= space.whole / 4 * 3) return limit;
  return static_cast<int>(space.left / worst_call);
}

inline void allow_recursion(PyThreadState* thread, tealet::port::StackSpace space) noexcept {
  // On a stack of unknown bounds the count goes on, as if the tealet had been called.
  if (space.whole != 0) thread->recursion_remaining = calls_allowed(thread, space);
}

#endif

// Makes the thread state that of an execution that begins here, with `space` below it, on top of
// whatever was there: no frames, no handled exception, its own data stack and context variables.
inline void begin_execution(PyThreadState* thread, Execution& execution,
                            tealet::port::StackSpace space) noexcept {
  _PyStackChunk* chunk = execution.data_stack;
  thread->datastack_chunk = chunk;
  thread->datastack_top = &chunk->data[1];
  thread->datastack_limit = end_of_chunk(chunk);
  execution.handled.exc_value = nullptr;
  execution.handled.previous_item = nullptr;
  thread->exc_info = &execution.handled;
  thread->context = execution.context;
  execution.context = nullptr;
  thread->context_ver++;
  thread->tracing = 0;
  thread->recursion_headroom = 0;
  allow_recursion(thread, space);
#if PY_VERSION_HEX >= 0x030d0000
  thread->current_frame = nullptr;
  thread->what_event = -1;
#elif PY_VERSION_HEX >= 0x030c0000
  thread->cframe = &thread->root_cframe;
  thread->what_event = -1;
  thread->trash.delete_nesting = 0;
#else
  thread->cframe = &thread->root_cframe;
  thread->tracing_what = 0;
  thread->trash_delete_nesting = 0;
  PausedState::resume_tracing(thread);
#endif
}

// Gives up what the running execution holds, at its end; what is dropped may run any code. Only its
// data stack is left, which nothing must use from now on.
inline void end_execution(PyThreadState* thread, Execution& execution) {
  Py_CLEAR(execution.handled.exc_value);
  Py_CLEAR(execution.arguments);
  Py_CLEAR(execution.function);
  while (PyObject* context = thread->context) {
    thread->context = nullptr;
    thread->context_ver++;
    Py_DECREF(context);
  }
  // Not before: what was dropped may have switched, deep in its own calls.
  execution.data_stack = thread->datastack_chunk;
}

}  // namespace tealetpp
