#include "python/tools.hpp"

#include <dlfcn.h>
#include <frameobject.h>

#include <cstring>
#include <new>
#include <vector>

#include "python/attribute.hpp"
#include "python/guarded.hpp"

namespace tealetpp {

namespace {

// Whether `object` is of the type of this name, or of one derived from it.
bool is_a(const PyObject* object, const char* type_name) {
  if (object == nullptr) return false;
  for (const PyTypeObject* type = Py_TYPE(object); type != nullptr; type = type->tp_base) {
    if (std::strcmp(type->tp_name, type_name) == 0) return true;
  }
  return false;
}

// While a tool is told, nothing traces that, and no finalizer runs.
class Telling {
 public:
  explicit Telling(PyThreadState* thread)
      : thread_(thread), raised_(take_raised()), collects_(PyGC_Disable() != 0) {
    PyThreadState_EnterTracing(thread);
  }
  ~Telling() {
    PyThreadState_LeaveTracing(thread_);
    if (collects_) PyGC_Enable();
    set_raised(raised_);
  }
  Telling(const Telling&) = delete;
  Telling& operator=(const Telling&) = delete;

 private:
  PyThreadState* thread_;
  PyObject* raised_;
  bool collects_;
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

// Whether sys.settrace() has set this function, which then calls one in Python. It is part of the
// interpreter's binary, as is any slot of a built-in type.
bool calls_python(Py_tracefunc function) {
  Dl_info ours{};
  Dl_info interpreter{};
  return dladdr(reinterpret_cast<void*>(function), &ours) != 0 &&
         dladdr(reinterpret_cast<void*>(PyTuple_Type.tp_repr), &interpreter) != 0 &&
         ours.dli_fbase == interpreter.dli_fbase;
}

// A function in Python sees what happens, and nothing else: a debugger would stop. The one that
// keeps a stack is coverage's, where its tracer in C is missing.
bool is_coverage_in_python(PyObject* function) {
  return function != nullptr && PyMethod_Check(function) &&
         is_a(PyMethod_GET_SELF(function), "PyTracer");
}

bool is_coverage(PyObject* function) {
  return is_a(function, "coverage.CTracer") || is_coverage_in_python(function);
}

// The frame of a generator that has yielded. Coverage does not ask whose frame returns; but for any
// other frame it records a branch to the end of the function.
PyFrameObject* make_yielded_frame() {
  PyObject* names = PyDict_New();
  if (names == nullptr) return nullptr;
  PyObject* result = PyRun_String("def pause():\n    yield\ngenerator = pause()\nnext(generator)",
                                  Py_file_input, names, names);
  Py_XDECREF(result);
  PyObject* generator = PyDict_GetItemString(names, "generator");  // kept by its frame's owner
  PyObject* frame = generator != nullptr ? attribute(generator, "gi_frame") : nullptr;
  Py_XINCREF(generator);  // for ever: the frame is part of it
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

// Whether the frame pauses at an instruction with the argument 0: coverage takes that for the very
// beginning of the function, and must be told where it is.
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

constexpr const char* cprofile = "_lsprof.Profiler";

// What a thread has for trace functions, and for profile functions.
struct Kind {
  Py_tracefunc PyThreadState::* function;
  PyObject* PyThreadState::* object;
};
constexpr Kind tracing{&PyThreadState::c_tracefunc, &PyThreadState::c_traceobj};
constexpr Kind profiling{&PyThreadState::c_profilefunc, &PyThreadState::c_profileobj};

// The function of one kind that is set now. It may remove itself, and set another one.
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

  bool must_be_told() const { return must_be_told_; }

  void tell_of_leaving(const Frames& frames) const {
    if (!must_be_told_) return;
    const bool coverage = is_coverage(object_);
    guard([&] {
      for (PyFrameObject* frame : frames) {
        if (!is_set()) break;
        if (coverage) {
          leave_in_coverage(object_, function_, frame);
          report(object_);
        } else {
          tell(frame, PyTrace_RETURN);
        }
      }
    });
  }

  void tell_of_entering(const Frames& frames) const {
    if (!must_be_told_) return;
    const bool coverage = is_coverage(object_);
    guard([&] {
      for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
        if (!is_set()) break;
        tell(*frame, PyTrace_CALL);
        if (coverage && looks_like_beginning(*frame)) tell(*frame, PyTrace_LINE);
      }
    });
  }

 private:
  bool is_set() const {
    return thread_->*kind_.function == function_ && thread_->*kind_.object == object_;
  }
  // As if the frame ran: some tools, memray among them, ignore what they are told of others.
  void tell(PyFrameObject* frame, int what) const {
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
  bool must_be_told_ = function_ != nullptr && !is_a(object_, cprofile) &&
                       (is_coverage(object_) || !calls_python(function_));
};

// --- cProfile ---

// cProfile takes its top entry for the function that returns, whichever it is, and crashes if the
// next entry never called that one. With an empty stack it ignores the return. So each pause
// empties the stack by the only way that cProfile has: it ends and counts all calls.
void restart_profiler(PyObject* object) {
  PyObject* result = call_method(object, "disable");
  if (result != nullptr) Py_SETREF(result, call_method(object, "enable"));
  Py_XDECREF(result);
  report(object);
}

void restart_running_profiler(const PyThreadState* thread) {
  PyObject* const object = profiling_object(thread);
  PyErr_Clear();
  if (is_a(object, cprofile)) restart_profiler(object);
  Py_XDECREF(object);
}

}  // namespace

void tell_tools_of_pause(PyThreadState* thread, bool is_main) {
  if (thread->tracing != 0) return;  // it is a tool that switches
  const Telling telling(thread);
  try {
    if (!is_main) {
      const Tool tracer(thread, tracing);
      const Tool profiler(thread, profiling);
      if (tracer.must_be_told() || profiler.must_be_told()) {
        const Frames frames(thread);
        tracer.tell_of_leaving(frames);
        profiler.tell_of_leaving(frames);
      }
    }
    guard([&] { restart_running_profiler(thread); });
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): then the tool goes wrong
  }
}

void tell_tools_of_resumption(PyThreadState* thread, bool is_main) {
  if (thread->tracing != 0 || is_main) return;
  const Telling telling(thread);
  try {
    const Tool tracer(thread, tracing);
    const Tool profiler(thread, profiling);
    if (tracer.must_be_told() || profiler.must_be_told()) {
      const Frames frames(thread);
      tracer.tell_of_entering(frames);
      profiler.tell_of_entering(frames);
    }
    PyErr_Clear();
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): as above
  }
}

}  // namespace tealetpp
