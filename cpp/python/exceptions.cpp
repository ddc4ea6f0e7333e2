#include "python/exceptions.hpp"

#include <new>
#include <unordered_set>

#include "core/check.hpp"
#include "python/attribute.hpp"
#include "python/python_domain.hpp"

namespace tealetpp {

namespace {

// The message names the bytes in use if there is a limit. Without one, the system is out of memory.
void set_memory_error(const PythonDomain& domain) {
  const tealet::CountingAllocator& memory = domain.memory();
  if (memory.limit() == tealet::CountingAllocator::no_limit) {
    PyErr_NoMemory();
    return;
  }
  PyErr_Format(PyExc_MemoryError,
               "past the memory limit of the domain: %zu bytes of %zu are in use",
               memory.bytes_from_upstream(), memory.limit());
}

// Borrowed: `exception` owns the reference.
PyObject* context_of(PyObject* exception) {
  PyObject* context = PyException_GetContext(exception);
  Py_XDECREF(context);
  return context;
}

std::unordered_set<PyObject*> chain_of(PyObject* exception) {
  std::unordered_set<PyObject*> chain;
  while (exception != nullptr && chain.insert(exception).second) exception = context_of(exception);
  return chain;
}

// Ends `chain` before `exception`, which is in it.
void cut_before(PyObject* exception, PyObject* chain) {
  while (context_of(chain) != exception) chain = context_of(chain);
  PyException_SetContext(chain, nullptr);
}

}  // namespace

void set_error(Errc code, const Tealet* tealet) {
  TEALETPP_CHECK(code != Errc::ok && tealet->domain != nullptr);
  const PythonDomain& domain = *tealet->domain;
  const PythonHooks& hooks = domain.python_hooks;
  PyObject* object = tealet->object;
  PyObject* main = domain.main_tealet->object;
  const char* why = tealet::describe(code);
  switch (code) {
    case Errc::memory:
      set_memory_error(domain);
      break;
    case Errc::defunct:
      PyErr_Format(hooks.defunct_error, "%R cannot be resumed: %s", object, why);
      break;
    case Errc::thread:
      PyErr_Format(hooks.thread_error, "%R cannot be used on this thread: %s", object, why);
      break;
    case Errc::outside:
      PyErr_Format(hooks.invalid_error,
                   "%R cannot be used here: its domain, %R, was opened inside a "
                   "tealet that is not the running one",
                   object, main);
      break;
    case Errc::stack_exhausted:
      PyErr_Format(PyExc_RecursionError, "%R cannot begin: %s", object, why);
      break;
    case Errc::refused:
      PyErr_Format(hooks.error, "%R refuses to end: %s", object, why);
      break;
    default:
      PyErr_Format(hooks.invalid_error, "%R: %s", object, why);
  }
}

void add_context(PyObject* exception, PyObject* handled) try {
  if (handled == nullptr || handled == exception) return;
  // Sets, because a chain may be long, and a program can make a cycle.
  std::unordered_set<PyObject*> below = chain_of(handled);
  if (below.count(exception) != 0) {
    cut_before(exception, handled);
    below = chain_of(handled);
  }
  std::unordered_set<PyObject*> above;
  for (PyObject* last = exception; above.insert(last).second;) {
    PyObject* context = context_of(last);
    if (context == handled) return;
    if (context == nullptr || below.count(context) != 0) {
      PyException_SetContext(last, Py_NewRef(handled));
      return;
    }
    last = context;
  }
} catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): the chain stays as it is
}

PyObject* without_exit(PyObject* raised, PyObject* exit) {
  const bool is_group =
      PyObject_TypeCheck(raised, reinterpret_cast<PyTypeObject*>(PyExc_BaseExceptionGroup));
  if (PyErr_GivenExceptionMatches(raised, exit)) {
    Py_DECREF(raised);
    return nullptr;
  }
  if (!is_group) return raised;
  PyObject* parts = call_method(raised, "split", exit);
  // A subclass may override the method.
  if (parts == nullptr || !PyTuple_Check(parts) || PyTuple_GET_SIZE(parts) != 2) {
    PyErr_Clear();
    Py_XDECREF(parts);
    return raised;
  }
  const bool has_exit = PyTuple_GET_ITEM(parts, 0) != Py_None;
  PyObject* others = Py_NewRef(PyTuple_GET_ITEM(parts, 1));
  Py_DECREF(parts);
  if (!has_exit || (others != Py_None && !PyExceptionInstance_Check(others))) {
    Py_DECREF(others);
    return raised;
  }
  Py_DECREF(raised);
  if (others != Py_None) return others;
  Py_DECREF(others);
  return nullptr;
}

}  // namespace tealetpp
