// Types of other modules, recognised by name. Importing the modules would run Python code.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstring>

namespace tealetpp {

// The type with this name among the type of `object` and its bases; nullptr if there is none.
inline const PyTypeObject* type_named(const char* name, const PyObject* object) noexcept {
  const PyTypeObject* type = object != nullptr ? Py_TYPE(object) : nullptr;
  while (type != nullptr && std::strcmp(type->tp_name, name) != 0) type = type->tp_base;
  return type;
}

}  // namespace tealetpp
