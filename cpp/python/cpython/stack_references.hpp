// Frames as CPython 3.14 and 3.15 have them: slots and other fields are tagged references.
//
// The tag says whether a reference is counted. One that is not belongs to an immortal object, or is
// borrowed: from the caller's evaluation stack, or from a variable of the same frame.
#pragma once

#include <cstddef>
#include <cstdint>

#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"

#ifdef Py_STACKREF_DEBUG
#error "tealetpp does not support CPython built with Py_STACKREF_DEBUG"
#endif

namespace tealetpp {

inline bool is_counted(_PyStackRef reference) noexcept {
  constexpr std::uintptr_t tags = 3;
  return reference.bits != 0 && (reference.bits & tags) == 0;
}

// The object; borrowed, nullptr if there is none.
inline PyObject* object_of(_PyStackRef reference) noexcept {
  return PyStackRef_IsNullOrInt(reference) ? nullptr : PyStackRef_AsPyObjectBorrow(reference);
}

inline void clear_reference(_PyStackRef& reference) {
  PyObject* const object = is_counted(reference) ? object_of(reference) : nullptr;
  reference = PyStackRef_NULL;
  Py_XDECREF(object);
}

// The collector subtracts what it is shown from reference counts, so it must not see references
// that are not counted.
inline int visit_reference(_PyStackRef reference, visitproc visit, void* arg) {
  if (is_counted(reference)) Py_VISIT(object_of(reference));
  return 0;
}

// --- slots ---

inline int filled_slots(const _PyInterpreterFrame* frame) noexcept {
  return static_cast<int>(frame->stackpointer - frame->localsplus);
}

inline void set_filled_slots(_PyInterpreterFrame* frame, int count) noexcept {
  frame->stackpointer = frame->localsplus + count;
}

inline PyObject* slot_of_frame(const _PyInterpreterFrame* frame, int index) noexcept {
  return object_of(frame->localsplus[index]);
}

// The evaluation stack first: its references may be borrowed from the locals.
inline void clear_slots(_PyInterpreterFrame* frame, int count) {
  while (count > 0) clear_reference(frame->localsplus[--count]);
}

inline int visit_slots(const _PyInterpreterFrame* frame, int count, visitproc visit, void* arg) {
  for (int i = 0; i < count; ++i) {
    const int result = visit_reference(frame->localsplus[i], visit, arg);
    if (result != 0) return result;
  }
  return 0;
}

inline std::size_t frame_size(const _PyInterpreterFrame* frame, int count) noexcept {
  return static_cast<std::size_t>(reinterpret_cast<const char*>(&frame->localsplus[count]) -
                                  reinterpret_cast<const char*>(frame));
}

// The frame points to the end of its evaluation stack.
inline void correct_moved(_PyInterpreterFrame* moved, const _PyInterpreterFrame* from) noexcept {
  const auto filled = reinterpret_cast<std::uintptr_t>(moved->stackpointer) -
                      reinterpret_cast<std::uintptr_t>(from->localsplus);
  moved->stackpointer =
      reinterpret_cast<_PyStackRef*>(reinterpret_cast<std::uintptr_t>(moved->localsplus) + filled);
}

// --- the other fields ---

inline PyCodeObject* code_of_frame(const _PyInterpreterFrame* frame) noexcept {
  return reinterpret_cast<PyCodeObject*>(PyStackRef_AsPyObjectBorrow(frame->f_executable));
}

inline PyGenObject* generator_of_frame(_PyInterpreterFrame* frame) noexcept {
  return _PyGen_GetGeneratorFromFrame(frame);
}

inline const _Py_CODEUNIT* current_instruction(const _PyInterpreterFrame* frame) noexcept {
  return frame->instr_ptr;
}

// Nobody asks: the number of filled slots is always known.
inline bool is_call(int) noexcept { return false; }

inline int visit_frame(const _PyInterpreterFrame* frame, visitproc visit, void* arg) {
  for (const _PyStackRef reference : {frame->f_funcobj, frame->f_executable}) {
    const int result = visit_reference(reference, visit, arg);
    if (result != 0) return result;
  }
  Py_VISIT(frame->f_locals);
  Py_VISIT(frame->frame_obj);
  return visit_slots(frame, filled_slots(frame), visit, arg);
}

inline void drop_references(_PyInterpreterFrame* frame) {
  Py_CLEAR(frame->frame_obj);
  Py_CLEAR(frame->f_locals);
  clear_reference(frame->f_funcobj);
  clear_reference(frame->f_executable);
}

inline void own_references(_PyInterpreterFrame* frame, int count) noexcept {
  frame->f_executable = PyStackRef_MakeHeapSafe(frame->f_executable);
  frame->f_funcobj = PyStackRef_MakeHeapSafe(frame->f_funcobj);
  for (int i = 0; i < count; ++i) {
    frame->localsplus[i] = PyStackRef_MakeHeapSafe(frame->localsplus[i]);
  }
}

}  // namespace tealetpp
