// The names of tealets.
#pragma once

#include "python/python_tealet.hpp"

namespace tealetpp {

// Whether `name` can be given to a tealet: any str. Sets an exception if not.
bool is_name(PyObject* name);
// Gives the tealet `self` a name; nullptr takes it away. False with MemoryError. `name` must be a
// str, and is stored as one, even if it is of a subclass. Runs no code.
bool give_name(PyObject* self, PyObject* name);

// The name that was given to `self`, or the default one: that of its function, or of main. A new
// reference; None if there is none; nullptr with an exception set. May run any code.
PyObject* name_of(PyObject* self);
// The same for repr(): None for a main tealet that was given no name, as its type says enough.
PyObject* name_for_repr(PyObject* self);

}  // namespace tealetpp
