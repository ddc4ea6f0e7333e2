// Attributes by interned names. CPython's method cache keeps every string that it was asked for, up
// to 4,096 of them; with PyObject_GetAttrString(), which makes a new one each time, it fills up.
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

// What the method returns; nullptr with an exception set.
template <class... Arguments>
PyObject* call_method(PyObject* object, const char* name, Arguments*... arguments) {
  PyObject* interned = PyUnicode_InternFromString(name);
  if (interned == nullptr) return nullptr;
  PyObject* result =
      PyObject_CallMethodObjArgs(object, interned, arguments..., static_cast<PyObject*>(nullptr));
  Py_DECREF(interned);
  return result;
}

}  // namespace tealetpp
