#include "python/callable_layers.hpp"

#include "python/type_name.hpp"

namespace tealetpp {

namespace {

// The name of an attribute, made at its first use and kept.
class InternedName {
 public:
  constexpr explicit InternedName(const char* text) noexcept : text_(text) {}
  // nullptr if there is no memory for it.
  PyObject* get() noexcept {
    if (name_ == nullptr) name_ = PyUnicode_InternFromString(text_);
    if (name_ == nullptr) PyErr_Clear();
    return name_;
  }

 private:
  const char* text_;
  PyObject* name_ = nullptr;
};

// The value of a member of the built-in type `type`, which a subclass may hide behind a property:
// that would run code, and make an object that nobody keeps. Borrowed from `object`, or nullptr.
PyObject* member(PyObject* object, const PyTypeObject* type, InternedName& name) {
  auto* const its_type = const_cast<PyTypeObject*>(type);
  PyObject* const found = name.get() != nullptr ? _PyType_Lookup(its_type, name.get()) : nullptr;
  if (found == nullptr || !Py_IS_TYPE(found, &PyMemberDescr_Type)) return nullptr;
  PyObject* const value = PyMemberDescr_Type.tp_descr_get(found, object, nullptr);
  if (value == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  Py_DECREF(value);
  return value;
}

}  // namespace

Partial partial_in(PyObject* object) {
  const PyTypeObject* const type = type_named("functools.partial", object);
  if (type == nullptr || Py_TYPE(object)->tp_call != type->tp_call) return Partial{};
  static InternedName function{"func"};
  static InternedName arguments{"args"};
  static InternedName keywords{"keywords"};
  return {member(object, type, function), member(object, type, arguments),
          member(object, type, keywords)};
}

PyObject* function_in_static_method(PyObject* object) {
  static InternedName function{"__func__"};
  if (!PyObject_TypeCheck(object, &PyStaticMethod_Type)) return nullptr;
  return member(object, &PyStaticMethod_Type, function);
}

PyObject* call_attribute(PyObject* object) {
  static InternedName call{"__call__"};
  PyTypeObject* const type = Py_TYPE(object);
  if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 || call.get() == nullptr) return nullptr;
  return _PyType_Lookup(type, call.get());
}

}  // namespace tealetpp
