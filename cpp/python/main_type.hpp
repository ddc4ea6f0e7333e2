// The type Main, and what its methods do for the C API too.
#pragma once

#include "python/python_domain.hpp"

namespace tealetpp {

extern PyTypeObject* main_type;

// `main` is that of a Main, or of one of its subclasses; `run` and `parent` are whatever was
// passed, or None. A new reference; nullptr with an exception set.
PyObject* create_tealet(Tealet* main, PyObject* run, PyObject* parent);
// The tealet that runs; None if the domain was never opened, or is closed. A new reference.
PyObject* current_of(const PythonDomain* domain);
Stats stats_of(const Tealet& main);

}  // namespace tealetpp
