#include "python/tealet_dict.hpp"

#include <utility>

#include "python/cpython/thread_state.hpp"
#include "python/guarded.hpp"
#include "python/pybind11_layout.hpp"

namespace tealetpp {

namespace {

// What the reference of an object without attributes is. Strong, never freed.
PyObject* no_attributes = nullptr;

// Calls a function of CPython's that may make the dict. It must not find `no_attributes`, or it
// would write there. It may run code that gets here again: only the outermost call puts
// `no_attributes` back.
template <class Use>
auto with_reference(PyObject* self, Use use) {
  const bool had_none = dict_of(self) == no_attributes;
  if (had_none) dict_of(self) = nullptr;
  const auto result = use();
  if (had_none && dict_of(self) == nullptr) dict_of(self) = no_attributes;
  return result;
}

int slot_setattro(PyObject* self, PyObject* name, PyObject* value) {
  return with_reference(self, [&] { return PyObject_GenericSetAttr(self, name, value); });
}

}  // namespace

void allow_attributes(PyTypeObject& type) {
  type.tp_dictoffset = dict_offset;
  if constexpr (lazy_dicts_are_fast) return;
  no_attributes = PyDict_New();
  if (no_attributes == nullptr) throw py::error_already_set();
  type.tp_setattro = guarded<slot_setattro>;
}

void begin_without_attributes(PyObject* self) noexcept { dict_of(self) = no_attributes; }

PyObject* attributes_of(PyObject* self) noexcept {
  PyObject* const dict = dict_of(self);
  return dict != no_attributes ? dict : nullptr;
}

void drop_attributes(PyObject* self) {
  PyObject* const dict = std::exchange(dict_of(self), no_attributes);
  if (dict != no_attributes) Py_XDECREF(dict);
}

PyObject* get_dict(PyObject* self, void*) {
  return with_reference(self, [&] { return PyObject_GenericGetDict(self, nullptr); });
}

int set_dict(PyObject* self, PyObject* value, void*) {
  return with_reference(self, [&] { return PyObject_GenericSetDict(self, value, nullptr); });
}

}  // namespace tealetpp
