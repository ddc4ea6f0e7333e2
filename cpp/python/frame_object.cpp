#include "python/frame_object.hpp"

#include "python/cpython/thread_state.hpp"
#include "python/without_collections.hpp"

namespace tealetpp {

PyObject* paused_frame_object(const Execution& execution) {
  _PyInterpreterFrame* frame = execution.paused_frame;
  while (frame != nullptr && _PyFrame_IsIncomplete(frame)) frame = frame->previous;
  if (frame == nullptr) Py_RETURN_NONE;
  // CPython makes the object of a frame when it is first asked for, and only for the running frame.
  // So this one counts as running for that long. On any thread: the frame does not change, since
  // the lock is not released. A collection would run code, and release it.
  const WithoutCollections in_this_scope;
  PyThreadState* const thread = PyThreadState_Get();
  _PyInterpreterFrame* const running = running_frame(thread);
  set_running_frame(thread, frame);
  PyFrameObject* const object = PyThreadState_GetFrame(thread);
  set_running_frame(thread, running);
  return object != nullptr ? reinterpret_cast<PyObject*>(object) : PyErr_NoMemory();
}

}  // namespace tealetpp
