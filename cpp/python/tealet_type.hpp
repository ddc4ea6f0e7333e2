// The type Tealet: its objects and slots. Its methods and attributes have files of their own.
#pragma once

#include "core/check.hpp"
#include "python/pybind11_layout.hpp"
#include "python/python_tealet.hpp"

namespace tealetpp {

// The C++ value of a Main. It is a type of its own because pybind11 has one Python type for each
// C++ type.
struct Main : Tealet {};

extern PyTypeObject* tealet_type;

// The objects of Tealet, Main and their subclasses are laid out alike.
inline Tealet* as_tealet(PyObject* object) noexcept {
  TEALETPP_CHECK(PyObject_TypeCheck(object, tealet_type));
  return &value_of<Main>(object);
}

// The Tealet of a new object, which bind() ties to a node; nullptr with an exception set. May
// collect garbage, which may run any code.
Tealet* new_tealet();

// The callable that the tealet runs or will run; borrowed, nullptr if it has none.
PyObject* function_of(const Tealet& tealet) noexcept;

// Whether `tealet` was created by a Main, and can be used here and now. Sets an exception if not.
bool is_usable(Tealet* tealet);

// For tp_dealloc: clears the weak references, and drops the attributes and the name. Any code may
// run.
void drop_references(PyObject* self);

// The metaclass of Tealet and Main.
py::metaclass tealet_metaclass();

}  // namespace tealetpp
