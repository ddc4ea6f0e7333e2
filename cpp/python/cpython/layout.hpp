// The interface of the layouts: what each thread_state_3_XX.hpp defines for its version.
//
// Besides the functions below it defines:
//
// - `collections_nest`, a constexpr bool: whether a garbage collection may begin in the middle of
//   another one on the same thread.
// - `calls_can_be_refused`, a constexpr bool: whether a call raises MemoryError, and does nothing
//   else, if there is no memory for its frame.
// - `frames_are_read_while_code_runs`, a constexpr bool: whether `f_locals` of a frame object keeps
//   a pointer to the frame while it drops values that it returned before. Any code may run then.
// - `frames_are_sampled`, a constexpr bool: whether profilers in other processes read the chain of
//   frames at any moment, and count an incomplete one as an error.
// - `first_with_cached_chunk`, a constexpr std::uint32_t: the first release that keeps a chunk of
//   the data stack for the thread's next call, as Py_Version; 0 if there is none. See
//   data_stack.hpp.
// - `paused_code_can_be_instrumented`, a constexpr bool: whether instrument() works.
// - `lazy_dicts_are_fast`, a constexpr bool: whether the interpreter has a specialised call of a
//   method for an object that can have a dict of attributes but has none yet.
// - `PausedFields`, a class: the fields of the thread state that differ between versions, put away
//   while an execution is paused. It lies on every saved stack, so it must be small. It has
//
//       // Reads the fields of the running execution.
//       explicit PausedFields(const PyThreadState* thread) noexcept;
//       // Makes the chain of frames safe to follow while the execution is paused, and returns the
//       // newest Python frame. C stack from `in_place` up is not overwritten meanwhile.
//       _PyInterpreterFrame* put_away_frames(const PyThreadState* thread,
//                                            const void* in_place) noexcept;
//       // The farthest frame on the C stack that was put away; nullptr if there is none.
//       const void* farthest_on_c_stack() const noexcept;
//       // Writes the fields back. Returns whether there is a trace or a profile function.
//       bool resume(PyThreadState* thread) noexcept;
//       // Sets the fields for an execution that begins.
//       static void begin(PyThreadState* thread) noexcept;
//
// - `PausedExecutor`, a class: see jit_state.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "port/thread_stack.hpp"
#include "python/cpython/internals.hpp"

namespace tealetpp {

// --- exceptions as single objects, as in CPython's API since 3.12 ---

// Takes the exception that is set, traceback included: a new reference, or nullptr if none is set.
inline PyObject* take_raised();
// Sets `exception` and consumes the reference. Does nothing if it is nullptr.
inline void set_raised(PyObject* exception);

// --- frames ---

// The newest frame of the running execution; nullptr if it has none.
inline _PyInterpreterFrame* running_frame(const PyThreadState* thread) noexcept;
inline void set_running_frame(PyThreadState* thread, _PyInterpreterFrame* frame) noexcept;

inline PyCodeObject* code_of_frame(const _PyInterpreterFrame* frame) noexcept;
// The generator that owns `frame`; borrowed.
inline PyGenObject* generator_of_frame(_PyInterpreterFrame* frame) noexcept;

// The instruction that `frame` executes, inside its code.
inline const _Py_CODEUNIT* current_instruction(const _PyInterpreterFrame* frame) noexcept;
// Whether an instruction as compiled calls what lies on the evaluation stack.
inline bool is_call(int opcode) noexcept;

// Shows the collector what a frame owns, without its evaluation stack where the number of filled
// slots (below) may be unknown.
inline int visit_frame(const _PyInterpreterFrame* frame, visitproc visit, void* arg);
// Drops what a frame owns, except its slots (below). Any code may run.
inline void drop_references(_PyInterpreterFrame* frame);

// Slots: the locals, followed by the evaluation stack.

// How many slots are filled. Up to 3.13 it is negative while the frame has called a C function: the
// interpreter keeps the count in a register then.
inline int filled_slots(const _PyInterpreterFrame* frame) noexcept;
inline void set_filled_slots(_PyInterpreterFrame* frame, int count) noexcept;
// The object in a slot; borrowed, nullptr if it is empty.
inline PyObject* slot_of_frame(const _PyInterpreterFrame* frame, int index) noexcept;
// Drops the first `count` slots. Any code may run.
inline void clear_slots(_PyInterpreterFrame* frame, int count);
// Bytes of a frame with `count` slots.
inline std::size_t frame_size(const _PyInterpreterFrame* frame, int count) noexcept;
// Corrects the pointers of a copied frame into itself. `from`: where it was.
inline void correct_moved(_PyInterpreterFrame* moved, const _PyInterpreterFrame* from) noexcept;
// Makes a frame with `count` filled slots the owner of what it has borrowed from other frames.
inline void own_references(_PyInterpreterFrame* frame, int count) noexcept;

// --- generators ---

// Marks a running generator that is never resumed as completed.
inline void end_generator(PyGenObject* generator) noexcept;
// Drops what its frame owns, except the slots. Nothing if CPython does that when it frees the
// generator. Any code may run.
inline void clear_generator(PyGenObject* generator);

// --- the C stack ---

// The farthest interpreter loop of the running execution on the C stack; nullptr if there is none.
// PausedFields::farthest_on_c_stack() completes the answer once frames are put away.
inline const void* farthest_on_c_stack(const PyThreadState* thread) noexcept;

// Must be called before any execution begins. False with MemoryError.
inline bool learn_c_recursion_limit();
// Sets the recursion counters for an execution that begins with `space` below it: see
// recursion.hpp. If the bounds of the stack are unknown, the counter of C calls stays as it is, as
// if the execution had been called.
inline void allow_recursion(PyThreadState* thread, tealet::port::StackSpace space) noexcept;

// --- tools ---

// Whether there may be a tool that must be notified when the running execution pauses.
inline bool has_tool_at_pause(const PyThreadState* thread) noexcept;
// The object whose profile function is set: a new reference, or nullptr if there is none, with or
// without an exception set.
inline PyObject* profiling_object(const PyThreadState* thread);

// A number that changes when sys.monitoring or a trace function asks for other events. CPython then
// instruments the code of the running frames, and other code when it is called.
inline std::uintptr_t monitoring_version(const PyThreadState* thread) noexcept;
// Instruments the code of a paused frame for the present events. False if there is no memory.
inline bool instrument(const _PyInterpreterFrame* frame) noexcept;

// --- the interpreter ---

// The current thread state; nullptr if there is none.
inline PyThreadState* thread_state_or_null() noexcept;

inline bool is_finalizing() noexcept;

}  // namespace tealetpp
