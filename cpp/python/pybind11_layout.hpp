// How pybind11 lays out an instance, and makes types. Only this file and its .cpp use
// pybind11::detail.
//
// pybind11 makes the types; the objects are laid out here, in one block each, because there may be
// a million of them. All methods and slots are plain entries of the type and not functions that
// pybind11 dispatches: see switching.hpp.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <initializer_list>

namespace tealetpp {

namespace py = pybind11;

// The Python object: what pybind11 keeps per object, and the value right behind it.
template <class Value>
struct Instance {
  py::detail::instance base;
  Value value;
};

template <class Value>
Value& value_of(PyObject* object) noexcept {
  static_assert(sizeof(Instance<Value>) == sizeof(py::detail::instance) + sizeof(Value),
                "the value lies right behind what pybind11 keeps");
  return reinterpret_cast<Instance<Value>*>(object)->value;
}

// An object of `type`, which pybind11 takes for one without a value; nullptr with an exception set.
inline PyObject* allocate_instance(PyTypeObject* type) {
  PyObject* const object = type->tp_alloc(type, 0);
  if (object != nullptr) reinterpret_cast<py::detail::instance*>(object)->simple_layout = true;
  return object;
}

// From now on pybind11 finds the value of an object made by allocate_instance().
template <class Value>
void show_value(PyObject* object) noexcept {
  auto* const instance = reinterpret_cast<py::detail::instance*>(object);
  instance->simple_value_holder[0] = &value_of<Value>(object);
}

// pybind11 has space for a holder in each object, two pointers behind the pointer to the value. It
// constructs none in objects made by allocate_instance(), so it never reads or writes them. There a
// type can have two references that cost no memory: its tp_traverse, tp_clear and tp_dealloc must
// look after them. The last one is for the dict of attributes: `dict_offset` is for tp_dictoffset.
constexpr Py_ssize_t dict_offset =
    offsetof(py::detail::instance, simple_value_holder) + 2 * sizeof(void*);

inline PyObject*& spare_reference(PyObject* object) noexcept {
  return reinterpret_cast<PyObject**>(
      reinterpret_cast<py::detail::instance*>(object)->simple_value_holder)[1];
}

inline PyObject*& dict_of(PyObject* object) noexcept {
  return reinterpret_cast<PyObject**>(
      reinterpret_cast<py::detail::instance*>(object)->simple_value_holder)[2];
}

// For tp_dealloc.
inline void clear_weak_references(PyObject* object) {
  if (reinterpret_cast<py::detail::instance*>(object)->weakrefs != nullptr) {
    PyObject_ClearWeakRefs(object);
  }
}

// Replaces tp_new of pybind11's base type by a function that never throws. pybind11's own throws if
// there is no memory, and for a type without a C++ value, such as the base type itself. To be
// called before any of our types is made.
void guard_base_type();

// A metaclass for our types. `call` makes their objects when a type is called. It replaces
// pybind11's function, which calls Python's API in destructors and exception handlers: see
// guarded.hpp.
py::metaclass make_metaclass(const char* name, ternaryfunc call);

// Whether some base of `type` is a type of pybind11's, but not one of `ours`. Objects with several
// values are laid out in another way.
bool has_other_values(PyTypeObject* type, std::initializer_list<PyTypeObject*> ours);

}  // namespace tealetpp
