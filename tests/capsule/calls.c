/* Every function of the Python C API, callable from Python. `...` is passed as NULL. */
#define PY_SSIZE_T_CLEAN
#define PYTEALET_TABLE_HERE
#include <string.h>

#include "shared.h"

static PyObject* given(PyObject* const* args, Py_ssize_t count, Py_ssize_t i) {
  return i < count && args[i] != Py_Ellipsis ? args[i] : NULL;
}

#define FUNCTION(name) \
  static PyObject* name(PyObject* module, PyObject* const* args, Py_ssize_t count)
#define ARGUMENT(i) given(args, count, i)

static PyObject* none_unless(int result) {
  if (result < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject* number_unless(int result) { return result < 0 ? NULL : PyLong_FromLong(result); }

/* clang-format off */
FUNCTION(import_table) { (void)module; (void)args; (void)count; return none_unless(PyTealet_Import()); }
FUNCTION(check) { (void)module; return PyLong_FromLong(PyTealet_Check(ARGUMENT(0))); }
FUNCTION(check_main) { (void)module; return PyLong_FromLong(PyTealet_CheckMain(ARGUMENT(0))); }
FUNCTION(current) { (void)module; return PyTealet_Current(ARGUMENT(0)); }
FUNCTION(main_of) { (void)module; return PyTealet_Main(ARGUMENT(0)); }
FUNCTION(parent_of) { (void)module; return PyTealet_Parent(ARGUMENT(0)); }
FUNCTION(make) { (void)module; return PyTealet_New(ARGUMENT(0), ARGUMENT(1), ARGUMENT(2)); }
FUNCTION(switch_to) { (void)module; return PyTealet_Switch(ARGUMENT(0), ARGUMENT(1)); }
FUNCTION(throw_into) { (void)module; return PyTealet_Throw(ARGUMENT(0), ARGUMENT(1)); }
FUNCTION(close_tealet) { (void)module; return none_unless(PyTealet_Close(ARGUMENT(0))); }
FUNCTION(status_of) { (void)module; return number_unless(PyTealet_Status(ARGUMENT(0))); }
/* clang-format on */

/* A dict with the figures of C, and what is cached. */
FUNCTION(stats_of) {
  tealet_stats_t s;
  size_t cached = 0;
  (void)module;
  if (PyTealet_GetStats(ARGUMENT(0), &s, &cached) < 0) return NULL;
#define TEALET_C_FIGURE(name, unit, kind, group, label, meaning) "s:n,"
  return Py_BuildValue(
      "{"
#include <tealet/stats_figures.def>
      "s:n}",
#define TEALET_C_FIGURE(name, unit, kind, group, label, meaning) #name, s.name,
#include <tealet/stats_figures.def>
      "bytes_cached", cached);
}

FUNCTION(stats_into_null) {
  (void)module;
  return none_unless(PyTealet_GetStats(ARGUMENT(0), NULL, NULL));
}

/* n_active, without asking for what is cached. */
FUNCTION(n_active) {
  tealet_stats_t s;
  (void)module;
  return PyTealet_GetStats(ARGUMENT(0), &s, NULL) < 0 ? NULL : PyLong_FromSize_t(s.n_active);
}

/* As if tealetpp had a table of this version, and so many bytes more than this header knows. */
FUNCTION(import_other) {
  static PyTealet_API other;
  PyObject* tealetpp = PyImport_ImportModule("tealetpp._tealetpp");
  PyObject* real = tealetpp != NULL ? PyObject_GetAttrString(tealetpp, "_C_API") : NULL;
  PyObject* fake = real != NULL ? PyCapsule_New(&other, PYTEALET_CAPSULE, NULL) : NULL;
  PyObject* result = NULL;
  int version;
  int more;
  (void)module;
  if (fake != NULL && count == 2) {
    PyObject *type, *value, *traceback;
    version = (int)PyLong_AsLong(args[0]);
    more = (int)PyLong_AsLong(args[1]);
    other = *PYTEALET_TABLE;
    other.version = version;
    other.size = (size_t)((Py_ssize_t)sizeof other + more);
    PyObject_SetAttrString(tealetpp, "_C_API", fake);
    result = none_unless(PyTealet_Import());
    PyErr_Fetch(&type, &value, &traceback);
    PyObject_SetAttrString(tealetpp, "_C_API", real);
    PyErr_Restore(type, value, traceback);
  }
  Py_XDECREF(fake);
  Py_XDECREF(real);
  Py_XDECREF(tealetpp);
  return result;
}

static PyMethodDef functions[];

/* with_error(name, *args): calls the function of that name while a KeyError is set. */
FUNCTION(with_error) {
  const PyMethodDef* def = functions;
  const char* name = count > 0 ? PyUnicode_AsUTF8(args[0]) : NULL;
  if (name == NULL) return NULL;
  while (strcmp(def->ml_name, name) != 0) ++def;
  PyErr_SetString(PyExc_KeyError, "set before");
  return ((_PyCFunctionFast)(void (*)(void))def->ml_meth)(module, args + 1, count - 1);
}

/* The results of both type checks while a KeyError is set, which must stay set. */
FUNCTION(checks_with_error) {
  int found;
  (void)module;
  PyErr_SetString(PyExc_KeyError, "set before");
  found = PyTealet_Check(ARGUMENT(0)) + 2 * PyTealet_CheckMain(ARGUMENT(0));
  if (!PyErr_ExceptionMatches(PyExc_KeyError)) return NULL;
  PyErr_Clear();
  return PyLong_FromLong(found);
}

#define METHOD(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}

static PyMethodDef functions[] = {
    METHOD(import_table),      METHOD(import_other),  METHOD(check),           METHOD(check_main),
    METHOD(current),           METHOD(main_of),       METHOD(parent_of),       METHOD(make),
    METHOD(switch_to),         METHOD(throw_into),    METHOD(close_tealet),    METHOD(status_of),
    METHOD(stats_of),          METHOD(n_active),      METHOD(stats_into_null), METHOD(with_error),
    METHOD(checks_with_error), {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "capsule_calls", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_capsule_calls(void) {
  PyObject* module;
  if (PyTealet_Import() < 0) return NULL;
  module = PyModule_Create(&definition);
  if (module == NULL) return NULL;
  if (PyModule_AddFunctions(module, arenas_functions) < 0 ||
      PyModule_AddFunctions(module, in_the_middle_functions) < 0 ||
      PyModule_AddFunctions(module, own_table_functions) < 0) {
    Py_DECREF(module);
    return NULL;
  }
  return module;
}
