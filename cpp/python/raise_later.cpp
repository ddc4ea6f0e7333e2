#include "python/raise_later.hpp"

#include <utility>

namespace tealetpp {

namespace {

PyObject* to_raise = nullptr;

// CPython's means is an asynchronous exception. That is a class, which CPython calls when it raises
// it. This class returns the error instead of a new object.
PyObject* give_error(PyTypeObject*, PyObject*, PyObject*) {
  PyObject* const error = std::exchange(to_raise, nullptr);
  return error != nullptr ? error : PyErr_NoMemory();
}

PyObject* make_class() {
  static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(give_error)}, {0, nullptr}};
  static PyType_Spec spec = {"tealetpp._MemoryError", 0, 0, Py_TPFLAGS_DEFAULT, slots};
  PyObject* const made = PyType_FromSpecWithBases(&spec, PyExc_MemoryError);
  if (made == nullptr) PyErr_Clear();
  return made;
}

// nullptr if there is no memory.
PyObject* class_to_raise() {
  static PyObject* made = nullptr;
  if (made == nullptr) made = make_class();
  return made;
}

}  // namespace

bool raise_later(PyObject* error) {
  const PyThreadState* const thread = PyThreadState_Get();
  PyObject* const type = class_to_raise();
  // The program may have set an asynchronous exception, too.
  if (type == nullptr || thread->async_exc != nullptr ||
      PyThreadState_SetAsyncExc(thread->thread_id, type) != 1) {
    Py_DECREF(error);
    return false;
  }
  Py_XSETREF(to_raise, error);
  return true;
}

bool cancel_raise_later() {
  const PyThreadState* const thread = PyThreadState_Get();
  if (to_raise == nullptr || thread->async_exc != class_to_raise()) return false;
  PyThreadState_SetAsyncExc(thread->thread_id, nullptr);
  Py_CLEAR(to_raise);
  return true;
}

}  // namespace tealetpp
