#include "python/paused_frames.hpp"

#include <opcode.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace tealetpp {

namespace {

bool is_held(const _PyInterpreterFrame* frame) noexcept {
  return frame->frame_obj != nullptr && Py_REFCNT(frame->frame_obj) > 1;
}

std::array<PyObject*, 8> pausing_methods{};

// The instruction that `frame` executes, as compiled, with its argument.
struct Instruction {
  int opcode = -1;
  int argument = 0;
};

Instruction instruction_of(const _PyInterpreterFrame* frame) {
  PyObject* const bytes = PyCode_GetCode(code_of_frame(frame));
  if (bytes == nullptr) {
    PyErr_Clear();
    return {};
  }
#if PY_VERSION_HEX >= 0x030d0000
  const _Py_CODEUNIT* const now = frame->instr_ptr;
#else
  const _Py_CODEUNIT* const now = frame->prev_instr;
#endif
  const auto* const at = reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(bytes)) +
                         (reinterpret_cast<const char*>(now) -
                          reinterpret_cast<const char*>(_PyCode_CODE(code_of_frame(frame))));
  const Instruction found{at[0], at[1]};
  Py_DECREF(bytes);
  return found;
}

bool is_call(int opcode) noexcept {
#if PY_VERSION_HEX < 0x030c0000
  if (opcode == PRECALL) return true;  // where it is specialised it does all of the call
#endif
  return opcode == CALL;
}

// Sets `stacktop` of a frame that has called a pausing method. The interpreter keeps the top in a
// variable, and slots beyond it hold leftovers of other calls. But the stack ends with the method,
// the tealet and as many arguments as the instruction says. If the method is there twice, the first
// counts. It may belong to an outer call whose argument this one computes; so the top found is
// never too high.
void find_stack_top(_PyInterpreterFrame* frame) {
  const Instruction instruction = instruction_of(frame);
  if (!is_call(instruction.opcode)) return;
  const PyCodeObject* const code = code_of_frame(frame);
  const int full = code->co_nlocalsplus + code->co_stacksize;
  for (int i = code->co_nlocalsplus; i + 2 + instruction.argument <= full; ++i) {
    PyObject* const method = frame->localsplus[i];
    const auto* const known = std::find(pausing_methods.begin(), pausing_methods.end(), method);
    if (method == nullptr || known == pausing_methods.end()) continue;
    frame->stacktop = i + 2 + instruction.argument;
    return;
  }
}

// How many locals and entries of the evaluation stack are filled. Where the top is unknown, since
// the frame has called a C function, only the locals count.
int filled(const _PyInterpreterFrame* frame) noexcept {
  const int locals = code_of_frame(frame)->co_nlocalsplus;
  return frame->stacktop > locals ? frame->stacktop : locals;
}

// Sets f_back of each frame object that somebody holds, while the chain still leads there.
void link_held_frames(const _PyInterpreterFrame* newest) {
  for (const _PyInterpreterFrame* frame = newest; frame != nullptr; frame = frame->previous) {
    if (frame->owner != FRAME_OWNED_BY_THREAD || !is_held(frame)) continue;
    if (frame->frame_obj->f_back != nullptr) continue;
    PyFrameObject* const back = PyFrame_GetBack(frame->frame_obj);
    if (back == nullptr) PyErr_Clear();  // no memory, or there is none
    // Making it may have run any code.
    Py_XSETREF(frame->frame_obj->f_back, back);
  }
}

// The frame object takes over everything that the frame owns.
void hand_over(_PyInterpreterFrame* frame) noexcept {
  PyFrameObject* const object = std::exchange(frame->frame_obj, nullptr);
  frame->stacktop = filled(frame);
  frame->previous = nullptr;
  const auto size =
      reinterpret_cast<char*>(&frame->localsplus[frame->stacktop]) - reinterpret_cast<char*>(frame);
  std::memcpy(static_cast<void*>(object->_f_frame_data), frame, static_cast<std::size_t>(size));
  object->f_frame = reinterpret_cast<_PyInterpreterFrame*>(object->_f_frame_data);
  object->f_frame->owner = FRAME_OWNED_BY_FRAME_OBJECT;
  auto* const as_object = reinterpret_cast<PyObject*>(object);
  if (!PyObject_GC_IsTracked(as_object)) PyObject_GC_Track(as_object);
  Py_DECREF(as_object);
}

// Completes a generator that would stay in the middle of running for ever. Its frame stays part of
// it, and holds a reference to it until clear().
void end_generator(_PyInterpreterFrame* frame) noexcept {
  PyGenObject* const generator = _PyFrame_GetGenerator(frame);
  frame->stacktop = filled(frame);
  generator->gi_exc_state.previous_item = nullptr;
  generator->gi_frame_state = FRAME_COMPLETED;
  Py_INCREF(generator);
}

void clear(_PyInterpreterFrame* frame) {
  const int count = filled(frame);
  for (int i = 0; i < count; ++i) Py_CLEAR(frame->localsplus[i]);
  if (frame->owner == FRAME_OWNED_BY_GENERATOR) {
    Py_DECREF(_PyFrame_GetGenerator(frame));
    return;
  }
  Py_CLEAR(frame->frame_obj);
  Py_CLEAR(frame->f_locals);
#if PY_VERSION_HEX >= 0x030d0000
  Py_CLEAR(frame->f_funcobj);
  Py_CLEAR(frame->f_executable);
#elif PY_VERSION_HEX >= 0x030c0000
  Py_CLEAR(frame->f_funcobj);
  Py_CLEAR(frame->f_code);
#else
  Py_CLEAR(frame->f_func);
  Py_CLEAR(frame->f_code);
#endif
}

// Takes the frames off everything but their own chain, and returns that. Runs no code.
_PyInterpreterFrame* detach(_PyInterpreterFrame* newest) noexcept {
  _PyInterpreterFrame* left = nullptr;
  _PyInterpreterFrame** link = &left;
  for (_PyInterpreterFrame* frame = newest; frame != nullptr;) {
    _PyInterpreterFrame* const older = std::exchange(frame->previous, nullptr);
    if (frame->owner == FRAME_OWNED_BY_THREAD && is_held(frame)) {
      hand_over(frame);
    } else if (frame->owner == FRAME_OWNED_BY_THREAD || frame->owner == FRAME_OWNED_BY_GENERATOR) {
      if (frame->owner == FRAME_OWNED_BY_GENERATOR) end_generator(frame);
      *link = frame;
      link = &frame->previous;
    }
    frame = older;
  }
  return left;
}

void free_chunks(_PyStackChunk* newest, void (*give)(void* owner, _PyStackChunk* chunk)) {
  PyObjectArenaAllocator arenas;
  PyObject_GetArenaAllocator(&arenas);
  while (newest != nullptr) {
    _PyStackChunk* const chunk = std::exchange(newest, newest->previous);
    if (newest != nullptr) {
      arenas.free(arenas.ctx, chunk, chunk->size);
    } else {
      give(owner_of_first_chunk(chunk), chunk);
    }
  }
}

}  // namespace

void add_pausing_method(PyObject* descriptor) {
  *std::find(pausing_methods.begin(), pausing_methods.end() - 1, nullptr) = descriptor;
}

void drop_paused(Execution& execution, void (*give)(void* owner, _PyStackChunk* chunk)) {
  link_held_frames(execution.paused_frame);
  _PyInterpreterFrame* const newest = execution.paused_frame;
  const bool in_c_function = newest != nullptr && newest->stacktop < 0;
  if (in_c_function) find_stack_top(newest);
  _PyInterpreterFrame* frame = detach(std::exchange(execution.paused_frame, nullptr));
  _PyStackChunk* const chunks = std::exchange(execution.data_stack, nullptr);
  PyObject* const handled = std::exchange(execution.handled.exc_value, nullptr);
  PyObject* const arguments = std::exchange(execution.arguments, nullptr);
  PyObject* const function = std::exchange(execution.function, nullptr);
  PyObject* const context = std::exchange(execution.context, nullptr);
  while (frame != nullptr) {
    _PyInterpreterFrame* const next = std::exchange(frame->previous, nullptr);
    clear(std::exchange(frame, next));
  }
  Py_XDECREF(handled);
  Py_XDECREF(arguments);
  Py_XDECREF(function);
  Py_XDECREF(context);
  free_chunks(chunks, give);
}

}  // namespace tealetpp
