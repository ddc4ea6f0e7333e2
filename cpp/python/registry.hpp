// What the module consists of, and what its parts share.
#pragma once

#include "objects.hpp"

namespace tealetpp {

// Makes objects as pybind11 does, but never throws: pybind11's own function, which Python calls,
// does for a type without a C++ value (such as the base of all) and without memory.
PyObject* new_instance(PyTypeObject* type, PyObject* arguments, PyObject* keywords);
// Makes it that of pybind11's base type. Before there are types of ours, which inherit it.
void guard_base_type();

void register_status(py::module_& module);
void register_stats(py::module_& module);
void register_tealet(py::module_& module);
void register_main(py::module_& module);
void register_capi(py::module_& module);

// As CPython's tables of methods want it, whichever calling convention it has.
template <class Function>
PyCFunction as_method(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// A new reference to `value` as pybind11 hands it out; nullptr with an exception set.
template <class Value>
PyObject* to_python(const Value& value) {
  try {
    return py::cast(value).release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
    return nullptr;
  } catch (...) {
    return PyErr_NoMemory();
  }
}

// --- what the methods do, for the C API too ---

// `self` is a Tealet, or one of its subclasses.
PyObject* method_switch(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                        PyObject* keywords);
PyObject* method_throw(PyObject* self, PyObject* exception);
PyObject* method_close(PyObject* self, PyObject*);
PyObject* get_parent(PyObject* self, void*);
PyObject* get_main(PyObject* self, void*);
Status status_of(const Tealet& tealet);

// `main` is a Main, or one of its subclasses; `run` and `parent` are whatever was passed, or None.
PyObject* create_tealet(TealetObject* main, PyObject* run, PyObject* parent);
// Who runs; None if the domain was never opened, or is closed.
PyObject* current_of(const PythonDomain* domain);
Stats stats_of(const Main& main);

// Whether `parent` can be the parent of a tealet of `domain`. Sets an exception if not.
bool can_be_parent(PythonDomain& domain, TealetObject* parent);

}  // namespace tealetpp
