// The attributes that a program sets on tealets, and the dict that has them.
//
// An object has the dict once it is asked for: when the first attribute is set, or __dict__ is
// read. Until then its reference is nullptr. With CPython 3.11 it is to one empty dict, which all
// objects have in common: see lazy_dicts_are_fast. That is never shown, and never written to.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// Adds to Tealet, before it is ready, what it needs to have attributes. Main inherits that. Throws
// if there is no memory.
void allow_attributes(PyTypeObject& type);

// A new object has no attributes.
void begin_without_attributes(PyObject* self) noexcept;
// The dict of `self`, borrowed; nullptr if it has none.
PyObject* attributes_of(PyObject* self) noexcept;
// Drops the dict of `self`. Any code may run.
void drop_attributes(PyObject* self);

// Entries for __dict__.
PyObject* get_dict(PyObject* self, void*);
int set_dict(PyObject* self, PyObject* value, void*);

}  // namespace tealetpp
