/* The functions of arenas.c in a module that does not import tealetpp. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyMethodDef arenas_functions[];

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "arenas_alone", NULL, -1, arenas_functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_arenas_alone(void);
PyMODINIT_FUNC PyInit_arenas_alone(void) { return PyModule_Create(&definition); }
