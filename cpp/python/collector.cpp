#include "python/collector.hpp"

#include "port/compiler.hpp"
#include "python/attribute.hpp"
#include "python/guarded.hpp"
#include "python/method_table.hpp"
#include "python/thread_domains.hpp"

namespace tealetpp {

std::uint64_t collecting_thread_state = 0;

namespace {

// Strong references, set by watch_collections().
PyObject* callbacks = nullptr;  // the list gc.callbacks, which programs may change
PyObject* watcher = nullptr;    // our function in it
PyObject* collect = nullptr;    // gc.collect

// The value of collecting_thread_state while no collection is reported: 0, or `unreported`.
std::uint64_t idle = 0;
unsigned collections_reported = 0;

// How many nested collections run on the thread that collects, and where on the C stack the
// outermost one called us. If the next one calls from no deeper, the outermost one has ended
// without a report.
int nesting_depth = 0;
const void* outermost_frame = nullptr;

void collection_begins(std::uint64_t thread_state, const void* here) noexcept {
  const bool nested =
      collections_nest && collecting_thread_state == thread_state && here < outermost_frame;
  nesting_depth = nested ? nesting_depth + 1 : 1;
  if (!nested) outermost_frame = here;
  collecting_thread_state = thread_state;
  ++collections_reported;
}

// The function in gc.callbacks: called with "start" or "stop" on the thread that collects. Must not
// end tealets here: CPython begins no other collection until this returns.
PyObject* on_collection(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2 || !PyUnicode_Check(arguments[0])) Py_RETURN_NONE;
  const std::uint64_t thread_state = thread_state_id(PyThreadState_Get());
  if (PyUnicode_CompareWithASCIIString(arguments[0], "start") == 0) {
    collection_begins(thread_state, TEALETPP_FRAME_ADDRESS());
  } else if (collecting_thread_state == thread_state && --nesting_depth == 0) {
    collecting_thread_state = idle;
    ThreadDomains::collection_ended();
  }
  Py_RETURN_NONE;
}

// Called by atexit: from now on collections are not reported.
PyObject* on_exit(PyObject*, PyObject*) {
  if (collecting_thread_state == idle) collecting_thread_state = unreported;
  idle = unreported;
  Py_RETURN_NONE;
}

// Whether an unreported collection runs. If so, gc.collect() does not begin another one, and the
// watcher is not called.
bool collects_unreported() {
  PyObject* const raised = take_raised();
  const unsigned before = collections_reported;
  Py_XDECREF(PyObject_CallFunction(collect, "i", 0));
  PyErr_Clear();
  set_raised(raised);
  return collections_reported == before;
}

PyMethodDef callback = {"_on_collection", as_method(guarded<on_collection>), METH_FASTCALL,
                        "The function in gc.callbacks that reports collections to tealetpp."};
PyMethodDef exit_handler = {"_on_exit", guarded<on_exit>, METH_NOARGS,
                            "Called by atexit: the interpreter ends."};

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
  if (collecting_thread_state == unreported) return is_finalizing() && collects_unreported();
  if (collecting_thread_state != domain.thread_state) return false;
  const int watched = PySequence_Contains(callbacks, watcher);
  if (watched == 1) return true;
  // The program has removed the watcher, so the end of this collection will not be reported.
  // Switching during one collection is a risk; refusing every switch from now on is certain harm.
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
