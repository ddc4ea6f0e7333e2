// The methods of Tealet and Main that tell what single tealets take.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

PyObject* method_tealet_stats(PyObject* self, PyObject*);
// tealetpp.Survey of a Main. `largest`: how many of the largest to list; nullptr: the default.
PyObject* survey(PyObject* main, PyObject* largest);
// For tealetpp._costs, which gives it the form that users see.
PyObject* method_measure(PyObject* self, PyObject* largest);

}  // namespace tealetpp
