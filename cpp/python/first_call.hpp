// The call that a tealet begins with.
//
// A call of a method, a functools.partial or an object whose class has a __call__() ends in a call
// of another callable, with more arguments in front. CPython's C frames for that would be on the
// saved stack of the tealet: 144 to 352 bytes. So if a Python function is called in the end, the
// tealet calls it directly.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// All borrowed: the arguments, and then the values of the keywords, are at `arguments`.
struct Call {
  PyObject* function = nullptr;
  PyObject* const* arguments = nullptr;
  Py_ssize_t count = 0;
  PyObject* keywords = nullptr;  // a tuple of names
};

// The Python function that a call of a callable ends in, if a call of that function does the same.
class DirectCall {
 public:
  // Borrows from `callable`: valid until any other code runs. Runs no Python code.
  explicit DirectCall(PyObject* callable);

  // nullptr if there is none.
  PyObject* function() const noexcept { return function_; }
  // How many arguments go before those of the call; 0 if there is no function.
  Py_ssize_t leading_count() const noexcept { return leading_count_; }
  void copy_leading(PyObject** to) const noexcept;

 private:
  // What one callable passes first: an object, or the items of a tuple.
  struct Layer {
    PyObject* object = nullptr;
    PyObject* tuple = nullptr;
  };
  static constexpr int most = 4;

  PyObject* look_through(PyObject* callable);
  PyObject* add(PyObject* called, Layer layer, Py_ssize_t count) noexcept;

  Layer layers_[most];  // the outermost first
  int layer_count_ = 0;
  Py_ssize_t leading_count_ = 0;
  PyObject* function_ = nullptr;
};

using ArgumentSpace = PyObject* [8];

// The call of `callable` with these arguments, if it is direct. All are borrowed; the pointers to
// them are copied to `space`. False if it is not direct, or if there are too many. Runs no Python
// code.
bool borrow_call(Call& call, ArgumentSpace& space, PyObject* callable, PyObject* const* arguments,
                 Py_ssize_t count);

// The call of `callable` with these arguments, direct if possible. They are copied to a tuple,
// which is returned and keeps all alive. nullptr with MemoryError. Runs no Python code.
PyObject* copy_call(Call& call, PyObject* callable, PyObject* const* arguments, Py_ssize_t count,
                    PyObject* keywords);

}  // namespace tealetpp
