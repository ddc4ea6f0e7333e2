// The layout of CPython 3.11: see layout.hpp.
//
// Here exceptions are three references, calls of all kinds share one counter, and profilers are
// functions of the thread.
#pragma once

#include <opcode.h>

#include <cstddef>
#include <cstdint>

#include "port/compiler.hpp"
#include "port/thread_stack.hpp"
#include "python/cpython/common_fields.hpp"
#include "python/cpython/completed_generator.hpp"
#include "python/cpython/frame_slots.hpp"
#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"
#include "python/cpython/linked_loops.hpp"
#include "python/cpython/no_jit_state.hpp"
#include "python/cpython/no_late_instrumentation.hpp"
#include "python/cpython/recursion.hpp"

namespace tealetpp {

// --- exceptions ---

inline PyObject* take_raised() {
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
}

inline void set_raised(PyObject* exception) {
  if (exception == nullptr) return;
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception))), exception,
                PyException_GetTraceback(exception));
}

// --- frames ---

// A specialised PRECALL does all of the call.
inline bool is_call(int opcode) noexcept { return opcode == CALL || opcode == PRECALL; }

inline int visit_frame(const _PyInterpreterFrame* frame, visitproc visit, void* arg) {
  Py_VISIT(frame->f_func);
  Py_VISIT(frame->f_code);
  Py_VISIT(frame->f_locals);
  Py_VISIT(frame->frame_obj);
  return visit_slots(frame, frame->f_code->co_nlocalsplus, visit, arg);
}

inline void drop_references(_PyInterpreterFrame* frame) {
  Py_CLEAR(frame->frame_obj);
  Py_CLEAR(frame->f_locals);
  Py_CLEAR(frame->f_func);
  Py_CLEAR(frame->f_code);
}

// --- the thread state ---

class PausedFields {
 public:
  explicit PausedFields(const PyThreadState* thread) noexcept
      : frame_(thread->cframe),
        what_(thread->tracing_what),
        trash_(thread->trash_delete_nesting),
        recursion_(thread->recursion_limit - thread->recursion_remaining) {}

  _PyInterpreterFrame* put_away_frames(const PyThreadState* thread, const void*) noexcept {
    return running_frame(thread);
  }

  const void* farthest_on_c_stack() const noexcept { return nullptr; }

  bool resume(PyThreadState* thread) noexcept {
    thread->cframe = frame_;
    thread->tracing_what = what_;
    thread->trash_delete_nesting = trash_;
    thread->recursion_remaining = thread->recursion_limit - recursion_;
    return resume_tracing(thread);
  }

  static void begin(PyThreadState* thread) noexcept {
    thread->cframe = &thread->root_cframe;
    thread->tracing_what = 0;
    thread->trash_delete_nesting = 0;
    resume_tracing(thread);
  }

 private:
  // sys.settrace() sets a flag on the C stack, in the running interpreter loop only. Another
  // execution may have called it meanwhile. Returns whether there is a function.
  static bool resume_tracing(PyThreadState* thread) noexcept {
    const bool has_function = has_function_of_tool(thread);
    thread->cframe->use_tracing = 0;
    if (TEALET_UNLIKELY(has_function) && thread->tracing == 0) thread->cframe->use_tracing = 255;
    return has_function;
  }

  _PyCFrame* frame_;
  int what_;
  int trash_;
  int recursion_;
};
static_assert(sizeof(PausedFields) == 24);

// --- the C stack ---

// Most calls take 100 to 700 bytes. But sorted() with a key function has a buffer on the stack:
// 4,992 bytes in two counted calls.
constexpr std::size_t worst_call = worst_call_of_build(2560);

inline bool learn_c_recursion_limit() { return true; }

// How many calls an execution may nest that begins with `space` below it.
inline int calls_allowed(const PyThreadState* thread, tealet::port::StackSpace space) noexcept {
  const int limit = thread->recursion_limit;
  const std::size_t needed = static_cast<std::size_t>(limit) * worst_call;
  if (needed <= space.left) return limit;
  // A raised limit may protect nothing, even outside of tealets. Then a tealet near the top has
  // what plain Python has, and a deeper one is safe.
  if (needed > space.whole && space.left >= space.whole / 4 * 3) return limit;
  return static_cast<int>(space.left / worst_call);
}

inline void allow_recursion(PyThreadState* thread, tealet::port::StackSpace space) noexcept {
  if (space.whole != 0) thread->recursion_remaining = calls_allowed(thread, space);
}

// --- tools ---

inline bool has_tool_at_pause(const PyThreadState* thread) noexcept {
  return thread->cframe->use_tracing != 0;
}

inline PyObject* profiling_object(const PyThreadState* thread) {
  return thread->c_profilefunc != nullptr ? Py_XNewRef(thread->c_profileobj) : nullptr;
}

// --- the interpreter ---

inline PyThreadState* thread_state_or_null() noexcept { return _PyThreadState_UncheckedGet(); }

inline bool is_finalizing() noexcept { return _Py_IsFinalizing() != 0; }

constexpr bool collections_nest = false;

// Some instructions drop references that are not theirs then.
constexpr bool calls_can_be_refused = false;

constexpr bool frames_are_read_while_code_runs = true;

constexpr bool frames_are_sampled = false;

// Its specialised LOAD_METHOD handles types without a dict, and objects that have one.
constexpr bool lazy_dicts_are_fast = false;

constexpr std::uint32_t first_with_cached_chunk = 0;

}  // namespace tealetpp
