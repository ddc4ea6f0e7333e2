#include "python/pybind11_layout.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "python/guarded.hpp"

namespace tealetpp {

namespace {

using py::detail::instance;

// Whoever builds with another pybind11 must look at what this file and its header assume.
static_assert(PYBIND11_VERSION_MAJOR == 3 && PYBIND11_INTERNALS_VERSION >= 11,
              "tealetpp knows how pybind11 3 lays out an instance");
static_assert(std::is_standard_layout_v<instance> && std::is_trivially_destructible_v<instance>);
static_assert(sizeof(instance::simple_value_holder) == 3 * sizeof(void*),
              "a holder has two pointers, which dict_of() and spare_reference() use");
// The head, a value pointer with space for a holder, the weak references, the flags.
static_assert(offsetof(instance, simple_value_holder) == sizeof(PyObject));
static_assert(offsetof(instance, weakrefs) == sizeof(PyObject) + 3 * sizeof(void*));
static_assert(sizeof(instance) == sizeof(PyObject) + 5 * sizeof(void*),
              "this is part of what each tealet costs");
// tp_alloc gives bytes that are zero: no value, nothing owned or registered, no patients.

PyObject* new_instance(PyTypeObject* type, PyObject*, PyObject*) {
  try {
    if (py::detail::all_type_info(type).empty()) {
      PyErr_Format(PyExc_TypeError, "cannot create '%s' instances", type->tp_name);
      return nullptr;
    }
    PyObject* self = guard([&] { return type->tp_alloc(type, 0); });
    if (self == nullptr) return nullptr;
    try {
      reinterpret_cast<instance*>(self)->allocate_layout();
    } catch (...) {
      Py_DECREF(self);
      throw;
    }
    return self;
  } catch (py::error_already_set& error) {
    error.restore();
    return nullptr;
  } catch (...) {
    return PyErr_NoMemory();
  }
}

}  // namespace

void guard_base_type() {
  py::handle base = py::detail::get_internals().instance_base;
  // CPython requires that a type and its base have the same tp_new. A type that has inherited the
  // old one would break that.
  if (py::len(base.attr("__subclasses__")()) != 0) return;
  reinterpret_cast<PyTypeObject*>(base.ptr())->tp_new = guarded<new_instance>;
}

py::metaclass make_metaclass(const char* name, ternaryfunc call) {
  PyTypeObject* base = py::detail::get_internals().default_metaclass;
  PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(call)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(base->tp_dealloc)},
                         {0, nullptr}};
  PyType_Spec spec{name, 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  PyObject* made = PyType_FromSpecWithBases(&spec, reinterpret_cast<PyObject*>(base));
  if (made == nullptr) throw py::error_already_set();
  return py::metaclass(made);
}

bool has_other_values(PyTypeObject* type, std::initializer_list<PyTypeObject*> ours) {
  const auto is_ours = [&](const PyTypeObject* base) {
    return std::find(ours.begin(), ours.end(), base) != ours.end();
  };
  if (is_ours(type)) return false;
  return py::detail::with_internals([&](const py::detail::internals& internals) {
    const PyObject* bases = type->tp_mro;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
      auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(bases, i));
      if (is_ours(base)) continue;
      const auto known = internals.registered_types_py.find(base);
      if (known == internals.registered_types_py.end()) continue;
      // For a class made in Python pybind11 remembers the types that it derives from.
      for (const py::detail::type_info* info : known->second) {
        if (info->type == base) return true;
      }
    }
    return false;
  });
}

}  // namespace tealetpp
