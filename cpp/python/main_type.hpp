// The type Main. The module's C API (capsule.cpp) uses these functions too.
#pragma once

#include "python/python_domain.hpp"

namespace tealetpp {

extern PyTypeObject* main_type;

// Implements Main.tealet(). `run`, `parent` and `name` are of any type; None stands for not given.
// A new reference; nullptr with an exception set.
PyObject* create_tealet(Tealet* main, PyObject* run, PyObject* parent, PyObject* name = Py_None);
// The tealet that runs; None if the domain was never opened, or is closed. A new reference.
PyObject* current_of(const PythonDomain* domain);
Stats stats_of(const Tealet& main);

}  // namespace tealetpp
