// The methods of Tealet. The module's C API (capsule.cpp) calls some of them too.
//
// method_switch(), method_throw() and method_close() have guards inside, around what may run Python
// code. A guard around the whole would be a frame on the saved stack of each tealet that pauses
// there. The others are guarded in the table.
#pragma once

#include "python/python_tealet.hpp"

namespace tealetpp {

extern PyMethodDef tealet_methods[];

// `self` is a Tealet, or one of its subclasses. New references.
PyObject* method_switch(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                        PyObject* keywords);
PyObject* method_throw(PyObject* self, PyObject* exception);
PyObject* method_close(PyObject* self, PyObject*);

}  // namespace tealetpp
