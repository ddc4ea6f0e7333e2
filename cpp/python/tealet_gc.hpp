// The slots of Tealet and Main for the garbage collector.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

int tealet_traverse(PyObject* self, visitproc visit, void* arg);
int tealet_clear(PyObject* self);
void tealet_finalize(PyObject* self);

}  // namespace tealetpp
