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

// Whether `tealet` was created by a Main, and can be used here and now. Sets an exception if not.
bool is_usable(Tealet* tealet);

// The metaclass of Tealet and Main.
py::metaclass tealet_metaclass();

}  // namespace tealetpp
