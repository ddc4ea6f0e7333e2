// Profilers since CPython 3.12: cProfile is a tool of sys.monitoring, which puts its events into
// the code that runs.
#pragma once

#include "python/attribute.hpp"
#include "python/cpython/common_fields.hpp"
#include "python/cpython/internals.hpp"
#include "python/cpython/layout.hpp"

namespace tealetpp {

constexpr int profiler_tool = 2;    // sys.monitoring.PROFILER_ID
constexpr int py_return_event = 2;  // sys.monitoring.events.PY_RETURN is 1 << 2

// Whether a profiler is notified when the function of this frame returns.
inline bool is_profiled(const _PyInterpreterFrame* frame) noexcept {
  if (frame == nullptr) return false;
  const _PyCoMonitoringData* monitoring = code_of_frame(frame)->_co_monitoring;
  return monitoring != nullptr &&
         (monitoring->active_monitors.tools[py_return_event] & 1U << unsigned{profiler_tool}) != 0;
}

inline bool has_tool_at_pause(const PyThreadState* thread) noexcept {
  return has_function_of_tool(thread) || is_profiled(running_frame(thread));
}

inline PyObject* profiling_object(const PyThreadState*) {
  PyObject* monitoring = PySys_GetObject("monitoring");
  if (monitoring == nullptr) return nullptr;
  // register_callback() returns the previous callback; nothing else does.
  const auto replace = [&](PyObject* callback) -> PyObject* {
    PyObject* method = attribute(monitoring, "register_callback");
    if (method == nullptr) return nullptr;
    PyObject* previous =
        PyObject_CallFunction(method, "iiO", profiler_tool, 1 << py_return_event, callback);
    Py_DECREF(method);
    return previous;
  };
  PyObject* callback = replace(Py_None);
  if (callback == nullptr) return nullptr;
  PyObject* object = nullptr;
  if (callback != Py_None) {
    Py_XDECREF(replace(callback));
    if (PyCFunction_Check(callback)) object = Py_XNewRef(PyCFunction_GET_SELF(callback));
  }
  Py_DECREF(callback);
  return object;
}

}  // namespace tealetpp
