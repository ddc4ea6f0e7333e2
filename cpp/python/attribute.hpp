// Attributes by interned names. PyObject_GetAttrString() makes a new string at each call, and
// CPython's method cache keeps references to up to 4,096 of these.
#pragma once

#include <Python.h>

namespace tealetpp {

// A new reference; nullptr with an exception set.
inline PyObject* attribute(PyObject* object, const char* name) {
  PyObject* interned = PyUnicode_InternFromString(name);
  if (interned == nullptr) return nullptr;
  PyObject* value = PyObject_GetAttr(object, interned);
  Py_DECREF(interned);
  return value;
}

// Calls the method. A new reference; nullptr with an exception set.
template <class... Arguments>
PyObject* call_method(PyObject* object, const char* name, Arguments*... arguments) {
  PyObject* interned = PyUnicode_InternFromString(name);
  if (interned == nullptr) return nullptr;
  PyObject* result =
      PyObject_CallMethodObjArgs(object, interned, arguments..., static_cast<PyObject*>(nullptr));
  Py_DECREF(interned);
  return result;
}

// Calls a function of a module, which is imported. A new reference; nullptr with an exception set.
template <class... Arguments>
PyObject* call_function(const char* module_name, const char* name, Arguments*... arguments) {
  PyObject* module = PyImport_ImportModule(module_name);
  if (module == nullptr) return nullptr;
  PyObject* result = call_method(module, name, arguments...);
  Py_DECREF(module);
  return result;
}

}  // namespace tealetpp
