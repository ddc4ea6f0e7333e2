/* An arena allocator that wraps the one in use, as another tool could install. */
#define PY_SSIZE_T_CLEAN
#include "shared.h"

enum { MOST = 4096 };

static PyObjectArenaAllocator under;
static int wraps;
static size_t shift;
static long taken;
/* What it has given out, and how far from the beginning of a block. */
static void* mine[MOST];
static size_t shifts[MOST];

static void* allocate(void* context, size_t size) {
  int place = 0;
  char* block;
  (void)context;
  if (!wraps) return under.alloc(under.ctx, size);
  block = under.alloc(under.ctx, size + shift);
  if (block == NULL) return NULL;
  while (mine[place] != NULL) ++place;
  mine[place] = block + shift;
  shifts[place] = shift;
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
  under.free(under.ctx, (char*)block - shifts[place], size + shifts[place]);
}

/* wrap_arenas(shift): every block begins so many bytes behind one of the allocator in use. */
static PyObject* wrap_arenas(PyObject* module, PyObject* distance) {
  PyObjectArenaAllocator wrapper = {NULL, allocate, release};
  PyObjectArenaAllocator now;
  (void)module;
  shift = PyLong_AsSize_t(distance);
  if (PyErr_Occurred()) return NULL;
  PyObject_GetArenaAllocator(&now);
  if (now.alloc != allocate) {
    under = now;
    PyObject_SetArenaAllocator(&wrapper);
  }
  wraps = 1;
  taken = 0;
  Py_RETURN_NONE;
}

/* From now on it passes requests on. It stays installed, because CPython keeps a chunk for later
   calls. Returns how many blocks it has given out. */
static PyObject* unwrap_arenas(PyObject* module, PyObject* nothing) {
  (void)module;
  (void)nothing;
  wraps = 0;
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
