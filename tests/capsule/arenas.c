/* An arena allocator that wraps the one in use, as another tool could install. */
#define PY_SSIZE_T_CLEAN
#include "shared.h"

enum { MOST = 4096 };

static PyObjectArenaAllocator under;
static size_t shift;
static long taken;
static void* mine[MOST]; /* what it has given out */

static void* allocate(void* context, size_t size) {
  int place = 0;
  char* block = under.alloc(under.ctx, size + shift);
  (void)context;
  if (block == NULL) return NULL;
  while (mine[place] != NULL) ++place;
  mine[place] = block + shift;
  ++taken;
  return mine[place];
}

static void release(void* context, void* block, size_t size) {
  int place = 0;
  (void)context;
  while (place < MOST && mine[place] != block) ++place;
  if (place == MOST) {
    under.free(under.ctx, block, size);
    return;
  }
  mine[place] = NULL;
  under.free(under.ctx, (char*)block - shift, size + shift);
}

/* wrap_arenas(shift): every block begins so many bytes behind one of the allocator in use. */
static PyObject* wrap_arenas(PyObject* module, PyObject* distance) {
  PyObjectArenaAllocator wrapper = {NULL, allocate, release};
  (void)module;
  shift = PyLong_AsSize_t(distance);
  if (PyErr_Occurred()) return NULL;
  PyObject_GetArenaAllocator(&under);
  PyObject_SetArenaAllocator(&wrapper);
  taken = 0;
  Py_RETURN_NONE;
}

/* Takes the wrapper away again. Returns how many blocks it has given out. */
static PyObject* unwrap_arenas(PyObject* module, PyObject* nothing) {
  (void)module;
  (void)nothing;
  PyObject_SetArenaAllocator(&under);
  return PyLong_FromLong(taken);
}

/* How many of these have not been given back. */
static PyObject* arenas_left(PyObject* module, PyObject* nothing) {
  long left = 0;
  int place = 0;
  (void)module;
  (void)nothing;
  for (; place < MOST; ++place) left += mine[place] != NULL;
  return PyLong_FromLong(left);
}

PyMethodDef arenas_functions[] = {
    {"wrap_arenas", wrap_arenas, METH_O, NULL},
    {"unwrap_arenas", unwrap_arenas, METH_NOARGS, NULL},
    {"arenas_left", arenas_left, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
