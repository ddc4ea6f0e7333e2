#include "python/frame_object.hpp"

#include "python/cpython/thread_state.hpp"
#include "python/foreign_stack.hpp"
#include "python/python_domain.hpp"
#include "python/thread_domains.hpp"
#include "python/without_collections.hpp"

namespace tealetpp {

namespace {

// Whether the frames of `node` may lead over a part of the C stack that greenlet has moved away.
bool may_be_moved(const Node& node) {
  if (!node.is_main()) return false;
  const ThreadDomains* const thread = static_cast<PythonDomain*>(node.domain())->on_thread;
  return thread != nullptr && !thread->expects_greenlet() && has_greenlet();
}

}  // namespace

PyObject* paused_frame_object(Node& node) {
  _PyInterpreterFrame* frame = execution_of(node).paused_frame;
  if (frame != nullptr && may_be_moved(node)) Py_RETURN_NONE;
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
