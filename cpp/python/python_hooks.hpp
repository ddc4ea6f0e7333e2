// What differs between the Python types of tealets.
//
// The Python layer has two parts:
//
// - The engine part runs Python in tealets: execution, domain, switching, lifetime. It includes
//   Python.h, but knows no type: it works on any Python object that has a Tealet, either inside
//   itself or on the heap. See python_tealet.hpp.
// - The binding part makes the types: the files *_type.cpp, tealet_attributes.cpp,
//   tealet_costs.cpp, tealet_dict.cpp, tealet_gc.cpp, tealet_methods.cpp, tealet_name.cpp,
//   module.cpp, capsule.cpp and pybind11_layout.cpp. It reads a method's arguments, and finds the
//   Tealet of an object.
//
// A domain has the hooks of the type that opened it. They are read on slow paths only.
#pragma once

#include "core/domain.hpp"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

struct PythonHooks {
  // Classes of exceptions, strong. The same class may stand for several.
  PyObject* exit = nullptr;           // ends a tealet: raised at its pause point
  PyObject* error = nullptr;          // a tealet refuses to end
  PyObject* invalid_error = nullptr;  // the call makes no sense now
  PyObject* defunct_error = nullptr;
  PyObject* thread_error = nullptr;

  // What the parent receives from a function that has raised `raised`. Consumes the reference. Not
  // called while an `exit` propagates to an enclosing tealet. May run any code.
  tealet::core::Message (*result_of_raised)(PyObject* raised) = nullptr;
};

}  // namespace tealetpp
