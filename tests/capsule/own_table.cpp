// A translation unit with a table of its own, in C++: exceptions and destructors in the middle.
#define PY_SSIZE_T_CLEAN
#include <tealet/tealet_python.h>

namespace {

int guards = 0;

struct Guard {
  Guard() { ++guards; }
  ~Guard() { --guards; }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
};

struct PythonError {};

PyObject* pause_or_throw() {
  const Guard guard;
  PyObject* tealet = PyTealet_Current(nullptr);
  PyObject* parent = PyTealet_Parent(tealet);
  Py_XDECREF(tealet);
  PyObject* result = PyTealet_Switch(parent, nullptr);
  Py_XDECREF(parent);
  if (result == nullptr) throw PythonError();
  return result;
}

PyObject* pause_guarded(PyObject*, PyObject*) {
  try {
    const Guard guard;
    return pause_or_throw();
  } catch (const PythonError&) {
    return nullptr;
  }
}

// Pauses while it handles a C++ exception, and then wants to know which.
PyObject* pause_while_handling(PyObject*, PyObject* number) {
  try {
    try {
      throw PyLong_AsLong(number);
    } catch (...) {
      Py_XDECREF(pause_or_throw());
      throw;
    }
  } catch (long caught) {
    return PyLong_FromLong(caught);
  } catch (const PythonError&) {
    return nullptr;
  }
}

PyObject* import_own_table(PyObject*, PyObject*) {
  if (PyTealet_Import() < 0) return nullptr;
  Py_RETURN_NONE;
}

PyObject* count_guards(PyObject*, PyObject*) { return PyLong_FromLong(guards); }

}  // namespace

extern "C" {
extern PyMethodDef own_table_functions[];
PyMethodDef own_table_functions[] = {
    {"import_own_table", import_own_table, METH_NOARGS, nullptr},
    {"pause_guarded", pause_guarded, METH_NOARGS, nullptr},
    {"pause_while_handling", pause_while_handling, METH_O, nullptr},
    {"count_guards", count_guards, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
}
