// What the module consists of, and what its parts share.
#pragma once

#include "python/objects.hpp"

namespace tealetpp {

// Gives pybind11's base type a function that makes objects and never throws: pybind11's own does,
// for a type without a C++ value (such as the base type itself) and without memory. To be called
// before there are types of ours.
void guard_base_type();

void register_status(py::module_& module);
void register_stats(py::module_& module);
void register_tealet(py::module_& module);
void register_main(py::module_& module);
void register_capi(py::module_& module);

// The class of Tealet and Main, which makes their objects when they are called.
py::metaclass metaclass();

// As CPython's tables of methods want it, whichever calling convention it has.
template <class Function>
PyCFunction as_method(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// New references; nullptr with an exception set.
PyObject* to_python(Status status);
PyObject* to_python(const Stats& stats);

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
