// The attributes of Tealet. The module's C API (capsule.cpp) reads some of them too.
#pragma once

#include "python/python_tealet.hpp"

namespace tealetpp {

extern PyGetSetDef tealet_attributes[];

// `self` is a Tealet, or one of its subclasses. New references.
PyObject* get_parent(PyObject* self, void*);
PyObject* get_main(PyObject* self, void*);
Status status_of(const Tealet& tealet) noexcept;

// Whether `parent` can be the parent of a tealet of `domain`. Sets an exception if not.
bool can_be_parent(PythonDomain& domain, Tealet* parent);

}  // namespace tealetpp
