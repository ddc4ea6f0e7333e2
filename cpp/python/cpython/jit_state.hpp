// What the just-in-time compiler of CPython 3.14 and 3.15 keeps for an execution.
#pragma once

#include "python/cpython/internals.hpp"

namespace tealetpp {

// The compiled code that the execution is in. The thread state has a borrowed reference: CPython
// frees no compiled code to which a thread state refers. So a paused execution owns one.
class PausedExecutor {
 public:
  void put_away_executor(const PyThreadState* thread) noexcept {
    executor_ = Py_XNewRef(thread->current_executor);
  }
  void resume_executor(PyThreadState* thread) noexcept {
    thread->current_executor = executor_;
    Py_CLEAR(executor_);
  }
  static void begin_executor(PyThreadState* thread) noexcept { thread->current_executor = nullptr; }
  void drop_executor() noexcept { Py_CLEAR(executor_); }
  bool has_executor() const noexcept { return executor_ != nullptr; }

 private:
  PyObject* executor_;
};

}  // namespace tealetpp
