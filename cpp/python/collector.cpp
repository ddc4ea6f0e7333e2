#include "python/collector.hpp"

#include "port/compiler.hpp"
#include "python/attribute.hpp"
#include "python/guarded.hpp"
#include "python/method_table.hpp"
#include "python/thread_domains.hpp"

namespace tealetpp {

std::uint64_t collecting_thread_state = 0;

namespace {

// gc.callbacks, and what it must hold for this to work. Programs may change that list.
PyObject* callbacks = nullptr;
PyObject* watcher = nullptr;
PyObject* collect = nullptr;  // gc.collect

// The value of collecting_thread_state while no collection is known.
std::uint64_t idle = 0;
unsigned collections_told = 0;

// How many collections are under way on the thread that collects, and where on the C stack the
// outermost one called. If the next one is not deeper, the end of the last was not reported.
int under_way = 0;
const void* outermost = nullptr;

void collection_begins(std::uint64_t thread_state, const void* here) noexcept {
  const bool nested =
      collections_nest && collecting_thread_state == thread_state && here < outermost;
  under_way = nested ? under_way + 1 : 1;
  if (!nested) outermost = here;
  collecting_thread_state = thread_state;
  ++collections_told;
}

// Called by gc.callbacks, with "start" or "stop", on the thread that collects. Must not end
// tealets: no other collection can begin until it returns.
PyObject* on_collection(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2 || !PyUnicode_Check(arguments[0])) Py_RETURN_NONE;
  const std::uint64_t thread_state = thread_state_id(PyThreadState_Get());
  if (PyUnicode_CompareWithASCIIString(arguments[0], "start") == 0) {
    collection_begins(thread_state, TEALETPP_FRAME_ADDRESS());
  } else if (collecting_thread_state == thread_state && --under_way == 0) {
    collecting_thread_state = idle;
    ThreadDomains::collection_ended();
  }
  Py_RETURN_NONE;
}

// Called by atexit: the interpreter's last collections are not reported.
PyObject* on_exit(PyObject*, PyObject*) {
  if (collecting_thread_state == idle) collecting_thread_state = untold;
  idle = untold;
  Py_RETURN_NONE;
}

// Whether a collection runs that was not reported: then gc.collect() begins none.
bool collects_untold() {
  PyObject* const raised = take_raised();
  const unsigned before = collections_told;
  Py_XDECREF(PyObject_CallFunction(collect, "i", 0));
  PyErr_Clear();
  set_raised(raised);
  return collections_told == before;
}

PyMethodDef callback = {"_on_collection", as_method(guarded<on_collection>), METH_FASTCALL,
                        "What gc.callbacks must hold for as long as there are tealets."};
PyMethodDef exit_handler = {"_on_exit", guarded<on_exit>, METH_NOARGS,
                            "Tells that the interpreter ends."};

bool call_at_exit() {
  PyObject* const handler = PyCFunction_New(&exit_handler, nullptr);
  PyObject* const module = guard([] { return PyImport_ImportModule("atexit"); });
  PyObject* const result =
      handler != nullptr && module != nullptr ? call_method(module, "register", handler) : nullptr;
  Py_XDECREF(module);
  Py_XDECREF(handler);
  Py_XDECREF(result);
  return result != nullptr;
}

}  // namespace

bool is_collecting(const PythonDomain& domain) {
  if (collecting_thread_state == untold) return is_finalizing() && collects_untold();
  if (collecting_thread_state != domain.thread_state) return false;
  const int watched = PySequence_Contains(callbacks, watcher);
  if (watched == 1) return true;
  // Its end will not be reported. Better to switch unwatched once than never again.
  PyErr_Clear();
  collecting_thread_state = idle;
  if (PyList_Append(callbacks, watcher) != 0) PyErr_Clear();
  return false;
}

bool watch_collections(PyObject* module) {
  watcher = PyCFunction_New(&callback, nullptr);
  PyObject* collector = guard([] { return PyImport_ImportModule("gc"); });
  if (collector != nullptr) {
    callbacks = attribute(collector, "callbacks");
    collect = attribute(collector, "collect");
  }
  Py_XDECREF(collector);
  return watcher != nullptr && callbacks != nullptr && collect != nullptr &&
         PyList_Append(callbacks, watcher) == 0 && call_at_exit() &&
         PyModule_AddObjectRef(module, "_on_collection", watcher) == 0;
}

}  // namespace tealetpp
