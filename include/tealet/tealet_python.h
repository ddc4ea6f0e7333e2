/* Python's tealets for other extension modules, in C or C++: a C function that was called from a
 * Python tealet can pause in the middle of its work, with all its callers, and continue later.
 *
 *   static PyObject* read_piece(void) {
 *     PyObject* tealet = PyTealet_Current(NULL);
 *     PyObject* parent = PyTealet_Parent(tealet);
 *     PyObject* piece;
 *     Py_XDECREF(tealet);                    before the switch: see below
 *     piece = PyTealet_Switch(parent, NULL); pauses here; returns the value of the switch back
 *     Py_XDECREF(parent);
 *     return piece;                          NULL: clean up, and return NULL to Python
 *   }
 *
 * A module links nothing: tealetpp provides a table of functions at run time. Call
 * PyTealet_Import() before any other function, when the module is initialised:
 *
 *   if (PyTealet_Import() < 0) return NULL;
 *
 * Each translation unit has its own pointer to the table and calls PyTealet_Import() itself. To
 * share one pointer, define PYTEALET_TABLE as a name of your own in all of them, and
 * PYTEALET_TABLE_HERE in exactly one, before including this header. Then one PyTealet_Import() is
 * enough.
 *
 * The functions do what the Python methods of the same names do, with the same exceptions. For all
 * of them:
 *
 * - Hold the global interpreter lock.
 * - Arguments are borrowed, results are new references. On failure an exception is set, and the
 *   result is NULL, or -1 if the function returns int.
 * - If an exception is set already, the call does nothing, fails, and leaves the exception set. So
 *   you can pass results on unchecked, and the first failure comes out at the end.
 * - NULL or an object of another type is a TypeError. Subclasses are accepted.
 *
 * A C function that switches may be paused for long, and may never be resumed:
 *
 * - The switch returns NULL if something throws into the tealet, and NULL with TealetExit if the
 *   tealet is closed. Clean up and return NULL. A tealet that switches away instead has refused
 *   to end.
 * - While the tealet is paused, its variables may lie on the heap with something else in their
 *   place: never give other code a pointer to them.
 * - Release a reference to the running tealet before the switch. Otherwise the tealet is not closed
 *   when all other references to it are released.
 * - What belongs to the thread is not saved: errno, locks, thread-local variables.
 * - Functions that pybind11 binds must not switch: its dispatcher does not allow that. Plain
 *   functions in a PyMethodDef may, and so may those of Cython and nanobind.
 *
 * docs/python-c-api.md has more, and examples/python_capi/ is an extension module that uses this
 * API. C89, as far as Python.h is, and C++; works with Py_LIMITED_API.
 */
#ifndef TEALET_PYTHON_H
#define TEALET_PYTHON_H

#include <Python.h>

#include "tealet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the table. It changes with every change but an addition at the end. */
#define PYTEALET_VERSION 1
#define PYTEALET_CAPSULE "tealetpp._tealetpp._C_API"

/* The status of a tealet: see tealetpp.Status. */
enum {
  PYTEALET_STATUS_NEW = 0,       /* has not begun */
  PYTEALET_STATUS_STUB = 1,      /* has a captured stack, and no function yet */
  PYTEALET_STATUS_SUSPENDED = 2, /* is paused */
  PYTEALET_STATUS_RUNNING = 3,   /* runs now */
  PYTEALET_STATUS_EXITED = 4,    /* has ended */
  PYTEALET_STATUS_DEFUNCT = 5    /* cannot be resumed: its stack was given up */
};

/* The table that the capsule points to. Members are added only at the end and never removed, so a
 * module that was built with fewer of them continues to work. Any other change makes it another
 * PYTEALET_VERSION.
 */
typedef struct PyTealet_API {
  size_t size; /* of the structure in tealetpp */
  int version; /* PYTEALET_VERSION of tealetpp */
  int (*check)(PyObject* object);
  int (*check_main)(PyObject* object);
  PyObject* (*get_current)(PyObject* main);
  PyObject* (*get_main)(PyObject* tealet);
  PyObject* (*get_parent)(PyObject* tealet);
  PyObject* (*make)(PyObject* main, PyObject* run, PyObject* parent);
  PyObject* (*switch_to)(PyObject* tealet, PyObject* value);
  PyObject* (*throw_into)(PyObject* tealet, PyObject* exception);
  int (*close)(PyObject* tealet);
  int (*get_status)(PyObject* tealet);
  int (*get_stats)(PyObject* main, tealet_stats_t* stats, size_t* bytes_cached);
} PyTealet_API;

/* NOLINTBEGIN(modernize-*): this is C. */

#ifndef PYTEALET_TABLE
static const PyTealet_API* PyTealet_table = NULL;
#define PYTEALET_TABLE PyTealet_table
#elif defined(PYTEALET_TABLE_HERE)
const PyTealet_API* PYTEALET_TABLE = NULL;
#else
extern const PyTealet_API* PYTEALET_TABLE;
#endif

/* Imports tealetpp and gets the table. Returns 0; or -1 with ImportError set if tealetpp is
 * missing, has another PYTEALET_VERSION than this header, or is older. Can be called any number of
 * times.
 */
static inline int PyTealet_Import(void) {
  const PyTealet_API* table = (const PyTealet_API*)PyCapsule_Import(PYTEALET_CAPSULE, 0);
  if (table == NULL) {
    if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
      PyErr_SetString(PyExc_ImportError, "no " PYTEALET_CAPSULE ": tealetpp is too old");
    }
    return -1;
  }
  if (table->version != PYTEALET_VERSION || table->size < sizeof(PyTealet_API)) {
    PyErr_Format(PyExc_ImportError,
                 "tealetpp's C API has version %d and %zu bytes, this module was built for "
                 "version %d and %zu bytes",
                 table->version, table->size, PYTEALET_VERSION, sizeof(PyTealet_API));
    return -1;
  }
  PYTEALET_TABLE = table;
  return 0;
}

/* Whether `object` is a Tealet (a Main is one, too); whether it is a Main. 1 or 0, and 0 for NULL.
 * These never fail, and an exception that is set stays set.
 */
static inline int PyTealet_Check(PyObject* object) { return PYTEALET_TABLE->check(object); }
static inline int PyTealet_CheckMain(PyObject* object) {
  return PYTEALET_TABLE->check_main(object);
}

/* The running tealet of the domain of `main`; None once the domain is closed. NULL means the domain
 * that was opened last among those that can be used here; None if there is none on this thread.
 * Cheap: call it again instead of keeping the result.
 */
static inline PyObject* PyTealet_Current(PyObject* main) {
  return PYTEALET_TABLE->get_current(main);
}

/* The Main that a tealet belongs to. */
static inline PyObject* PyTealet_Main(PyObject* tealet) { return PYTEALET_TABLE->get_main(tealet); }

/* The tealet that receives the result of `tealet`; None for a main tealet, and after the end. */
static inline PyObject* PyTealet_Parent(PyObject* tealet) {
  return PYTEALET_TABLE->get_parent(tealet);
}

/* A new tealet that will run the callable `run`; PyCFunction_New() makes one of a C function. If
 * `run` is NULL or None, Tealet.run() begins the tealet later. If `parent` is NULL or None, the
 * running tealet is the parent.
 */
static inline PyObject* PyTealet_New(PyObject* main, PyObject* run, PyObject* parent) {
  return PYTEALET_TABLE->make(main, run, parent);
}

/* Switches to a tealet, and returns the value passed by the next switch back: tealet.switch(value)
 * in Python. The first switch begins the tealet's function with `value` as its only argument, or
 * without arguments if `value` is NULL. A later switch makes `value`, or None, the result of the
 * switch that paused the tealet.
 *
 * Returns NULL if
 * - it could not switch: every tealet is as it was;
 * - something was thrown into the caller;
 * - an exception left the function of a tealet whose parent is the caller;
 * - the caller is being closed: TealetExit.
 * In all cases clean up and return NULL, unless you handle the exception.
 */
static inline PyObject* PyTealet_Switch(PyObject* tealet, PyObject* value) {
  return PYTEALET_TABLE->switch_to(tealet, value);
}

/* As PyTealet_Switch(), but resumes the tealet by raising an exception, an instance or a class. */
static inline PyObject* PyTealet_Throw(PyObject* tealet, PyObject* exception) {
  return PYTEALET_TABLE->throw_into(tealet, exception);
}

/* Ends a tealet: raises TealetExit at its pause point and lets it unwind. Returns 0, also if the
 * tealet had ended before. For the running tealet it returns -1 with TealetExit set. For a Main it
 * closes the domain.
 */
static inline int PyTealet_Close(PyObject* tealet) { return PYTEALET_TABLE->close(tealet); }

/* Returns PYTEALET_STATUS_*, or -1. */
static inline int PyTealet_Status(PyObject* tealet) { return PYTEALET_TABLE->get_status(tealet); }

/* Gets the statistics of the domain of `main` and, unless `bytes_cached` is NULL, the bytes in its
 * cached blocks. Returns 0 or -1. All figures are zero if tealetpp was built without statistics.
 */
static inline int PyTealet_GetStats(PyObject* main, tealet_stats_t* stats, size_t* bytes_cached) {
  return PYTEALET_TABLE->get_stats(main, stats, bytes_cached);
}

/* NOLINTEND(modernize-*) */

#ifdef __cplusplus
}
#endif

#endif
