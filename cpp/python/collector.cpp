#include "collector.hpp"

#include "guarded.hpp"
#include "registry.hpp"
#include "thread_domains.hpp"

namespace tealetpp {

std::uint64_t collecting_thread_state = 0;

namespace {

// gc.callbacks, and what it must hold for this to work. Anybody may change that list.
PyObject* callbacks = nullptr;
PyObject* watcher = nullptr;

// How many collections are under way on the thread that collects, and where on the C stack the
// outermost one called. The next one that is not deeper is a new one: the end of the last was not
// told.
int under_way = 0;
const void* outermost = nullptr;

void collection_begins(std::uint64_t thread_state, const void* here) noexcept {
  const bool nested =
      collections_nest && collecting_thread_state == thread_state && here < outermost;
  under_way = nested ? under_way + 1 : 1;
  if (!nested) outermost = here;
  collecting_thread_state = thread_state;
}

// What gc.callbacks calls, with "start" or "stop", on the thread that collects. Nothing is ended
// here: no other collection can begin until it returns.
PyObject* on_collection(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2 || !PyUnicode_Check(arguments[0])) Py_RETURN_NONE;
  const std::uint64_t thread_state = thread_state_id(PyThreadState_Get());
  if (PyUnicode_CompareWithASCIIString(arguments[0], "start") == 0) {
    collection_begins(thread_state, __builtin_frame_address(0));
  } else if (collecting_thread_state == thread_state && --under_way == 0) {
    collecting_thread_state = 0;
    ThreadDomains::collection_ended();
  }
  Py_RETURN_NONE;
}

PyMethodDef callback = {"_on_collection", as_method(guarded<on_collection>), METH_FASTCALL,
                        "What gc.callbacks must hold for as long as there are tealets."};

}  // namespace

bool is_collecting(const PythonDomain& domain) {
  if (collecting_thread_state != domain.thread_state) return false;
  const int watched = PySequence_Contains(callbacks, watcher);
  if (watched == 1) return true;
  // Its end will not be told: better to switch unwatched once than never again.
  PyErr_Clear();
  collecting_thread_state = 0;
  if (PyList_Append(callbacks, watcher) != 0) PyErr_Clear();
  return false;
}

void register_collector(py::module_& module) {
  watcher = PyCFunction_New(&callback, nullptr);
  PyObject* collector = guard([] { return PyImport_ImportModule("gc"); });
  if (collector != nullptr) callbacks = PyObject_GetAttrString(collector, "callbacks");
  Py_XDECREF(collector);
  if (watcher == nullptr || callbacks == nullptr || PyList_Append(callbacks, watcher) != 0) {
    throw py::error_already_set();
  }
  module.add_object("_on_collection", py::handle(watcher));
}

}  // namespace tealetpp
