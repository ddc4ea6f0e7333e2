/* C functions that pause in the middle of their work. They use the table that calls.c imports. */
#define PY_SSIZE_T_CLEAN
#include "shared.h"

static long clean_ups = 0;

/* How often a C function has failed since the last call. */
static PyObject* take_clean_ups(PyObject* module, PyObject* nothing) {
  const long count = clean_ups;
  (void)module;
  (void)nothing;
  clean_ups = 0;
  return PyLong_FromLong(count);
}

/* The parent of the running tealet: a new reference, or NULL with an exception set. */
static PyObject* get_parent(void) {
  PyObject* tealet = PyTealet_Current(NULL);
  PyObject* parent = PyTealet_Parent(tealet);
  Py_XDECREF(tealet);
  return parent;
}

static PyObject* pause_with(PyObject* value) {
  PyObject* parent = get_parent();
  PyObject* result = PyTealet_Switch(parent, value);
  Py_XDECREF(parent);
  return result;
}

/* Pauses at the bottom of a recursion that fills its frames, and looks after them on the way back.
 * What it is resumed with is added up at every level.
 */
static PyObject* sum_down(long depth) {
  volatile long mine[24];
  PyObject* below;
  PyObject* sum;
  long i;
  if (depth == 0) return pause_with(NULL);
  for (i = 0; i < 24; ++i) mine[i] = depth * 100 + i;
  below = sum_down(depth - 1);
  for (i = 0; i < 24; ++i) {
    if (mine[i] != depth * 100 + i) Py_FatalError("a variable on the C stack has changed");
  }
  if (below == NULL) {
    ++clean_ups;
    return NULL;
  }
  sum = PyLong_FromLong(PyLong_AsLong(below) + depth);
  Py_DECREF(below);
  return PyErr_Occurred() ? NULL : sum;
}

static PyObject* sum_from(PyObject* module, PyObject* depth) {
  (void)module;
  return sum_down(PyLong_AsLong(depth));
}

/* Holds a reference to `object` while it is paused, and returns what it is resumed with. */
static PyObject* hold(PyObject* module, PyObject* object) {
  PyObject* result;
  (void)module;
  Py_INCREF(object);
  result = pause_with(NULL);
  if (result == NULL) ++clean_ups;
  Py_DECREF(object);
  return result;
}

/* Ends with whatever it is resumed with: returns the value or raises the exception. */
static PyObject* end_whatever_comes(PyObject* module, PyObject* nothing) {
  PyObject *result = pause_with(NULL), *type, *traceback;
  (void)module;
  (void)nothing;
  if (result != NULL) return result;
  PyErr_Fetch(&type, &result, &traceback);
  PyErr_NormalizeException(&type, &result, &traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return result;
}

/* Switches away again when it is closed, which it must not. */
static PyObject* refuse_to_end(PyObject* module, PyObject* nothing) {
  PyObject* result = pause_with(NULL);
  (void)module;
  (void)nothing;
  if (result != NULL) return result;
  PyErr_Clear();
  return pause_with(NULL);
}

/* Passes every value back to the parent, until it is closed. */
static PyObject* echo(PyObject* module, PyObject* value) {
  (void)module;
  Py_INCREF(value);
  while (value != NULL) Py_SETREF(value, pause_with(value));
  return NULL;
}

/* bounce(tealet, n, value): switches to it n times. */
static PyObject* bounce(PyObject* module, PyObject* args) {
  PyObject *tealet, *value;
  long n;
  (void)module;
  if (!PyArg_ParseTuple(args, "OlO", &tealet, &n, &value)) return NULL;
  while (n-- > 0) {
    PyObject* result = PyTealet_Switch(tealet, value);
    if (result == NULL) return NULL;
    Py_DECREF(result);
  }
  Py_RETURN_NONE;
}

/* --- a tealet whose function is C and has an object of its own --- */

static PyObject* count_down_from(PyObject* start, PyObject* step) {
  long n = PyLong_AsLong(start);
  Py_INCREF(step);
  while (n > 0) {
    PyObject* now = PyLong_FromLong(n);
    n -= PyLong_AsLong(step);
    Py_SETREF(step, pause_with(now));
    Py_XDECREF(now);
    if (step == NULL) return NULL;
  }
  Py_DECREF(step);
  return PyUnicode_FromString("liftoff");
}

static PyMethodDef count_down_def = {"count_down", count_down_from, METH_O, NULL};

/* make_countdown(main, start) */
static PyObject* make_countdown(PyObject* module, PyObject* args) {
  PyObject *main, *start, *function, *tealet;
  (void)module;
  if (!PyArg_ParseTuple(args, "OO", &main, &start)) return NULL;
  function = PyCFunction_New(&count_down_def, start);
  if (function == NULL) return NULL;
  tealet = PyTealet_New(main, function, NULL);
  Py_DECREF(function);
  return tealet;
}

/* The only reference to its tealet is in a variable that changes while it is paused. */
static PyObject* slot = NULL;

static PyObject* set_slot(PyObject* module, PyObject* object) {
  (void)module;
  Py_INCREF(object);
  Py_XSETREF(slot, object);
  Py_RETURN_NONE;
}

static PyObject* switch_to_slot(PyObject* module, PyObject* nothing) {
  (void)module;
  (void)nothing;
  return PyTealet_Switch(slot, NULL);
}

PyMethodDef in_the_middle_functions[] = {
    {"take_clean_ups", take_clean_ups, METH_NOARGS, NULL},
    {"sum_from", sum_from, METH_O, NULL},
    {"hold", hold, METH_O, NULL},
    {"end_whatever_comes", end_whatever_comes, METH_NOARGS, NULL},
    {"refuse_to_end", refuse_to_end, METH_NOARGS, NULL},
    {"echo", echo, METH_O, NULL},
    {"bounce", bounce, METH_VARARGS, NULL},
    {"make_countdown", make_countdown, METH_VARARGS, NULL},
    {"set_slot", set_slot, METH_O, NULL},
    {"switch_to_slot", switch_to_slot, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
