#include "python/paused_frames.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/check.hpp"

namespace tealetpp {

namespace {

// Whether anything else refers to the frame's object.
bool is_held(const _PyInterpreterFrame* frame) noexcept {
  return frame->frame_obj != nullptr && Py_REFCNT(frame->frame_obj) > 1;
}

// Borrowed, the unused ones nullptr: see add_pausing_method().
std::array<PyObject*, 8> pausing_methods{};

// An instruction as compiled, not specialised.
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
  const auto* const at = reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(bytes)) +
                         (reinterpret_cast<const char*>(current_instruction(frame)) -
                          reinterpret_cast<const char*>(_PyCode_CODE(code_of_frame(frame))));
  const Instruction found{at[0], at[1]};
  Py_DECREF(bytes);
  return found;
}

// Finds how many slots are filled in a frame that has called a pausing method. CPython has the
// count in a register only, and the slots beyond it hold stale values. But the filled ones end with
// the method, the tealet and as many arguments as the instruction says. So the method is searched
// for. If it is there twice, the first one counts. That may belong to an outer call, which has the
// call that paused among its arguments. Then the count is too low. It is never too high.
void count_filled_slots(_PyInterpreterFrame* frame) {
  const Instruction instruction = instruction_of(frame);
  if (!is_call(instruction.opcode)) return;
  const PyCodeObject* const code = code_of_frame(frame);
  const int full = code->co_nlocalsplus + code->co_stacksize;
  for (int i = code->co_nlocalsplus; i + 2 + instruction.argument <= full; ++i) {
    PyObject* const method = slot_of_frame(frame, i);
    const auto* const known = std::find(pausing_methods.begin(), pausing_methods.end(), method);
    if (method == nullptr || known == pausing_methods.end()) continue;
    set_filled_slots(frame, i + 2 + instruction.argument);
    return;
  }
}

// How many slots are known to be filled. Of a frame that has called a C function, only the locals.
int known_slots(const _PyInterpreterFrame* frame) noexcept {
  return std::max(filled_slots(frame), code_of_frame(frame)->co_nlocalsplus);
}

// Sets f_back of each frame object that is held, while the frames are still linked.
void link_held_frames(const _PyInterpreterFrame* newest) {
  for (const _PyInterpreterFrame* frame = newest; frame != nullptr; frame = frame->previous) {
    if (frame->owner != FRAME_OWNED_BY_THREAD || !is_held(frame)) continue;
    if (frame->frame_obj->f_back != nullptr) continue;
    PyFrameObject* const back = PyFrame_GetBack(frame->frame_obj);
    if (back == nullptr) PyErr_Clear();  // no memory, or there is none
    // With XSETREF: making `back` may have run code that has set f_back.
    Py_XSETREF(frame->frame_obj->f_back, back);
  }
}

// The frame object takes over everything that the frame owns.
void hand_over(_PyInterpreterFrame* frame) noexcept {
  PyFrameObject* const object = std::exchange(frame->frame_obj, nullptr);
  const int count = known_slots(frame);
  frame->previous = nullptr;
  std::memcpy(static_cast<void*>(object->_f_frame_data), frame, frame_size(frame, count));
  object->f_frame = reinterpret_cast<_PyInterpreterFrame*>(object->_f_frame_data);
  set_filled_slots(object->f_frame, count);
  own_references(object->f_frame, count);
  object->f_frame->owner = FRAME_OWNED_BY_FRAME_OBJECT;
  auto* const as_object = reinterpret_cast<PyObject*>(object);
  if (!PyObject_GC_IsTracked(as_object)) PyObject_GC_Track(as_object);
  Py_DECREF(as_object);
}

// Marks a generator as completed: otherwise it would count as running forever. Its frame, which is
// part of it, owns a reference to it until clear().
void end_generator_of(_PyInterpreterFrame* frame) noexcept {
  PyGenObject* const generator = generator_of_frame(frame);
  set_filled_slots(frame, known_slots(frame));
  generator->gi_exc_state.previous_item = nullptr;
  end_generator(generator);
  Py_INCREF(generator);
}

void clear(_PyInterpreterFrame* frame) {
  clear_slots(frame, known_slots(frame));
  if (frame->owner == FRAME_OWNED_BY_GENERATOR) {
    PyGenObject* const generator = generator_of_frame(frame);
    clear_generator(generator);
    Py_DECREF(generator);
  } else {
    drop_references(frame);
  }
}

// Hands held frames over to their frame objects. Links the others to a list that nothing else
// refers to, and returns it. Runs no code.
_PyInterpreterFrame* detach(_PyInterpreterFrame* newest) noexcept {
  _PyInterpreterFrame* left = nullptr;
  _PyInterpreterFrame** link = &left;
  for (_PyInterpreterFrame* frame = newest; frame != nullptr;) {
    _PyInterpreterFrame* const older = std::exchange(frame->previous, nullptr);
    if (frame->owner == FRAME_OWNED_BY_THREAD && is_held(frame)) {
      hand_over(frame);
    } else if (is_python(frame)) {
      if (frame->owner == FRAME_OWNED_BY_GENERATOR) end_generator_of(frame);
      *link = frame;
      link = &frame->previous;
    }
    frame = older;
  }
  return left;
}

}  // namespace

void add_pausing_method(PyObject* descriptor) {
  TEALETPP_CHECK(descriptor != nullptr && pausing_methods.back() == nullptr);
  *std::find(pausing_methods.begin(), pausing_methods.end() - 1, nullptr) = descriptor;
}

void drop_paused(Execution& execution) {
  link_held_frames(execution.paused_frame);
  _PyInterpreterFrame* const newest = execution.paused_frame;
  const bool in_c_function = newest != nullptr && filled_slots(newest) < 0;
  if (in_c_function) count_filled_slots(newest);
  _PyInterpreterFrame* frame = detach(std::exchange(execution.paused_frame, nullptr));
  PyObject* const handled = std::exchange(execution.handled.exc_value, nullptr);
  PyObject* const arguments = std::exchange(execution.arguments, nullptr);
  PyObject* const function = std::exchange(execution.function, nullptr);
  PyObject* const context = std::exchange(execution.context, nullptr);
  while (frame != nullptr) {
    _PyInterpreterFrame* const next = std::exchange(frame->previous, nullptr);
    clear(std::exchange(frame, next));
  }
  execution.drop_executor();
  Py_XDECREF(handled);
  Py_XDECREF(arguments);
  Py_XDECREF(function);
  Py_XDECREF(context);
  TEALETPP_CHECK(is_empty(execution));
}

}  // namespace tealetpp
