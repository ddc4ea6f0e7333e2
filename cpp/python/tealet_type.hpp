// The type Tealet, and what its methods do for the C API too.
#pragma once

#include "python/pybind11_layout.hpp"
#include "python/python_tealet.hpp"

namespace tealetpp {

// The C++ value of a Main. pybind11 tells types apart by that of their objects.
struct Main : Tealet {};

extern PyTypeObject* tealet_type;

// The objects of Tealet, Main and their subclasses are laid out alike.
inline Tealet* as_tealet(PyObject* object) noexcept { return &value_of<Main>(object); }

// A tealet with a new object of type Tealet, to be tied to a node by bind(); nullptr with an
// exception set. May collect garbage, and that may run any code.
Tealet* new_tealet();

// `self` is a Tealet, or one of its subclasses. New references.
PyObject* method_switch(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                        PyObject* keywords);
PyObject* method_throw(PyObject* self, PyObject* exception);
PyObject* method_close(PyObject* self, PyObject*);
PyObject* get_parent(PyObject* self, void*);
PyObject* get_main(PyObject* self, void*);
Status status_of(const Tealet& tealet);

// Whether `parent` can be the parent of a tealet of `domain`. Sets an exception if not.
bool can_be_parent(PythonDomain& domain, Tealet* parent);
// The metaclass of Tealet and Main.
py::metaclass tealet_metaclass();

}  // namespace tealetpp
