// The methods of Tealet and Main that tell what each tealet takes.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

PyObject* method_tealet_stats(PyObject* self, PyObject*);
// For tealetpp._costs, which makes a Survey of it. `largest`: how many of the largest to list.
PyObject* method_measure(PyObject* self, PyObject* largest);

}  // namespace tealetpp
