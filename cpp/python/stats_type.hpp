// The types Stats and StatsDifference.
#pragma once

#include <tealet/cxx/stats.hpp>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

// A new Stats; nullptr with an exception set.
PyObject* to_python(const tealet::Stats& stats);

}  // namespace tealetpp
