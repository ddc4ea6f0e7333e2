#include "python/tools.hpp"

#include <frameobject.h>

#include <new>
#include <vector>

#include "port/shared_object.hpp"
#include "python/attribute.hpp"
#include "python/guarded.hpp"
#include "python/type_name.hpp"
#include "python/without_collections.hpp"

namespace tealetpp {

namespace {

// A scope in which tools are called: their own code is not traced, no garbage is collected, and the
// exception that is set is put away.
class NotificationScope {
 public:
  explicit NotificationScope(PyThreadState* thread) : thread_(thread), raised_(take_raised()) {
    PyThreadState_EnterTracing(thread);
  }
  ~NotificationScope() {
    PyThreadState_LeaveTracing(thread_);
    set_raised(raised_);
  }
  NotificationScope(const NotificationScope&) = delete;
  NotificationScope& operator=(const NotificationScope&) = delete;

 private:
  PyThreadState* thread_;
  PyObject* raised_;
  WithoutCollections without_collections_;
};

// An error in a tool is not raised in the tealet that switches.
void report(PyObject* tool) {
  if (PyErr_Occurred() != nullptr) PyErr_WriteUnraisable(tool);
}

// The frames of the running execution, innermost first.
class Frames {
 public:
  explicit Frames(PyThreadState* thread) {
    for (PyFrameObject* frame = PyThreadState_GetFrame(thread); frame != nullptr;
         frame = PyFrame_GetBack(frame)) {
      frames_.push_back(frame);
    }
    PyErr_Clear();
  }
  ~Frames() {
    guard([&] {
      for (PyFrameObject* frame : frames_) Py_DECREF(reinterpret_cast<PyObject*>(frame));
    });
  }
  Frames(const Frames&) = delete;
  Frames& operator=(const Frames&) = delete;

  auto begin() const { return frames_.begin(); }
  auto end() const { return frames_.end(); }
  auto rbegin() const { return frames_.rbegin(); }
  auto rend() const { return frames_.rend(); }

 private:
  std::vector<PyFrameObject*> frames_;
};

// --- trace functions ---

// Whether sys.settrace() or sys.setprofile() has set this function, which calls one in Python. Then
// it is part of the interpreter's binary, like the slots of built-in types.
bool calls_python(Py_tracefunc function) {
  return tealet::port::are_of_one_binary(reinterpret_cast<void*>(function),
                                         reinterpret_cast<void*>(PyTuple_Type.tp_repr));
}

// Coverage's tracer in Python, which it uses where its tracer in C is missing. Of the trace
// functions in Python only this one is notified: others need not keep a stack, and a debugger would
// stop here.
bool is_coverage_in_python(PyObject* function) {
  return function != nullptr && PyMethod_Check(function) &&
         type_named("PyTracer", PyMethod_GET_SELF(function)) != nullptr;
}

bool is_coverage(PyObject* function) {
  return type_named("coverage.CTracer", function) != nullptr || is_coverage_in_python(function);
}

// The frame of a generator that has yielded. Coverage pops its top entry whichever frame returns.
// But for a frame that has not yielded, it also records a branch to the end of the function.
PyFrameObject* make_yielded_frame() {
  PyObject* names = PyDict_New();
  if (names == nullptr) return nullptr;
  PyObject* result = PyRun_String("def pause():\n    yield\ngenerator = pause()\nnext(generator)",
                                  Py_file_input, names, names);
  Py_XDECREF(result);
  PyObject* generator = PyDict_GetItemString(names, "generator");
  PyObject* frame = generator != nullptr ? attribute(generator, "gi_frame") : nullptr;
  Py_XINCREF(generator);  // never released: it owns the frame
  Py_DECREF(names);
  return reinterpret_cast<PyFrameObject*>(frame);
}

PyFrameObject* yielded_frame() {
  static PyFrameObject* const frame = make_yielded_frame();
  return frame;
}

void leave_in_coverage(PyObject* function, Py_tracefunc call, PyFrameObject* frame) {
  PyFrameObject* const yielded = yielded_frame();
  if (yielded == nullptr) return;
  if (!is_coverage_in_python(function)) {
    call(function, yielded, PyTrace_RETURN, Py_None);
    return;
  }
  // A tracer in Python gets a return only for frames whose call it got.
  PyObject* local = attribute(reinterpret_cast<PyObject*>(frame), "f_trace");
  if (local != nullptr && local != Py_None) {
    Py_XDECREF(PyObject_CallFunction(function, "OsO", yielded, "return", Py_None));
  }
  Py_XDECREF(local);
}

// Whether the frame pauses at an instruction with the argument 0. Coverage takes that for the
// beginning of the function, so it must also be notified of the line.
bool looks_like_beginning(PyFrameObject* frame) {
  PyCodeObject* code = PyFrame_GetCode(frame);
  PyObject* bytes = PyCode_GetCode(code);
  Py_DECREF(reinterpret_cast<PyObject*>(code));
  if (bytes == nullptr) return false;
  const Py_ssize_t argument = PyFrame_GetLasti(frame) + 1;
  const bool is_zero =
      argument > 0 && argument < PyBytes_GET_SIZE(bytes) && PyBytes_AS_STRING(bytes)[argument] == 0;
  Py_DECREF(bytes);
  return is_zero;
}

bool is_cprofile(const PyObject* object) {
  return type_named("_lsprof.Profiler", object) != nullptr;
}

// The members of the thread state for trace functions, and for profile functions.
struct Kind {
  Py_tracefunc PyThreadState::* function;
  PyObject* PyThreadState::* object;
};
constexpr Kind tracing{&PyThreadState::c_tracefunc, &PyThreadState::c_traceobj};
constexpr Kind profiling{&PyThreadState::c_profilefunc, &PyThreadState::c_profileobj};

// The trace or profile function that is set now. When it is called it may remove itself, or set
// another one: then it gets no further notice.
class Tool {
 public:
  Tool(PyThreadState* thread, const Kind& kind)
      : thread_(thread),
        kind_(kind),
        function_(thread->*kind.function),
        object_(Py_XNewRef(thread->*kind.object)) {}
  ~Tool() {
    guard([&] { Py_XDECREF(object_); });
  }
  Tool(const Tool&) = delete;
  Tool& operator=(const Tool&) = delete;

  bool needs_notice() const { return needs_notice_; }

  void notify_of_leaving(const Frames& frames) const {
    if (!needs_notice_) return;
    const bool coverage = is_coverage(object_);
    guard([&] {
      for (PyFrameObject* frame : frames) {
        if (!is_set()) break;
        if (coverage) {
          leave_in_coverage(object_, function_, frame);
          report(object_);
        } else {
          notify(frame, PyTrace_RETURN);
        }
      }
    });
  }

  void notify_of_entering(const Frames& frames) const {
    if (!needs_notice_) return;
    const bool coverage = is_coverage(object_);
    guard([&] {
      for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
        if (!is_set()) break;
        notify(*frame, PyTrace_CALL);
        if (coverage && looks_like_beginning(*frame)) notify(*frame, PyTrace_LINE);
      }
    });
  }

 private:
  bool is_set() const {
    return thread_->*kind_.function == function_ && thread_->*kind_.object == object_;
  }
  // Makes `frame` the running one meanwhile: some tools, memray among them, ignore other frames.
  void notify(PyFrameObject* frame, int what) const {
    _PyInterpreterFrame* const running = running_frame(thread_);
    set_running_frame(thread_, frame->f_frame);
    function_(object_, frame, what, Py_None);
    set_running_frame(thread_, running);
    report(object_);
  }

  PyThreadState* thread_;
  const Kind& kind_;
  Py_tracefunc function_;
  PyObject* object_;
  bool needs_notice_ = function_ != nullptr && !is_cprofile(object_) &&
                       (is_coverage(object_) || !calls_python(function_));
};

// --- cProfile ---

// cProfile takes any return for that of its top entry, and crashes if the entry below did not call
// that one. It ignores a return while its stack is empty. So each pause empties the stack. The only
// way to do that is to disable the profiler, which ends and counts all calls.
void restart_profiler(PyObject* object) {
  PyObject* result = call_method(object, "disable");
  if (result != nullptr) Py_SETREF(result, call_method(object, "enable"));
  Py_XDECREF(result);
  report(object);
}

void restart_running_profiler(const PyThreadState* thread) {
  PyObject* const object = profiling_object(thread);
  PyErr_Clear();
  if (is_cprofile(object)) restart_profiler(object);
  Py_XDECREF(object);
}

// Calls `notify(tool, frames)` for the trace function and for the profile function.
template <class Notify>
void notify_functions(PyThreadState* thread, Notify notify) {
  const Tool tracer(thread, tracing);
  const Tool profiler(thread, profiling);
  if (!tracer.needs_notice() && !profiler.needs_notice()) return;
  const Frames frames(thread);
  notify(tracer, frames);
  notify(profiler, frames);
}

}  // namespace

void notify_tools_of_pause(PyThreadState* thread, bool is_main) {
  if (thread->tracing != 0) return;  // a tool itself switches
  const NotificationScope scope(thread);
  try {
    if (!is_main) {
      notify_functions(
          thread, [](const Tool& tool, const Frames& frames) { tool.notify_of_leaving(frames); });
    }
    guard([&] { restart_running_profiler(thread); });
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): the tool is not notified
  }
}

void notify_tools_of_resumption(PyThreadState* thread, bool is_main) {
  if (thread->tracing != 0 || is_main) return;
  const NotificationScope scope(thread);
  try {
    notify_functions(
        thread, [](const Tool& tool, const Frames& frames) { tool.notify_of_entering(frames); });
    PyErr_Clear();
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): as above
  }
}

}  // namespace tealetpp
