/* Python's tealets for other extension modules, in C or C++: a C function that was called from a
 * Python tealet can pause in the middle of its work, with all its callers, and go on later.
 *
 *   static PyObject* read_piece(void) {
 *     PyObject* tealet = PyTealet_Current(NULL);
 *     PyObject* parent = PyTealet_Parent(tealet);
 *     PyObject* piece;
 *     Py_XDECREF(tealet);                    before it pauses: see below
 *     piece = PyTealet_Switch(parent, NULL); pauses here, and returns what the next switch brings
 *     Py_XDECREF(parent);
 *     return piece;                          NULL: clean up, and return NULL to Python
 *   }
 *
 * Nothing has to be linked: the functions are reached through a table that tealetpp hands out at
 * run time. Call PyTealet_Import() before any other, in the function that initialises the module:
 *
 *   if (PyTealet_Import() < 0) return NULL;
 *
 * Each translation unit has its own pointer to the table, to be set by a PyTealet_Import() there.
 * To share one, define PYTEALET_TABLE as a name of your own in all of them, and PYTEALET_TABLE_HERE
 * in just one, before this header is included; then one PyTealet_Import() is enough.
 *
 * They do what the Python methods of the same names do, with the same exceptions. For all of them:
 *
 * - The global interpreter lock must be held.
 * - What is passed is borrowed, what is returned is a new reference. Functions that return an
 *   object return NULL on failure, those that return int -1, with an exception set.
 * - While an exception is set nothing is done: the call fails and leaves it set. So what another
 *   call returned can be passed on unchecked, and the failure comes out at the end.
 * - NULL or an object of another type is a TypeError; subclasses will do.
 *
 * A C function that switches must know that it may be away for long, and may never be told to go
 * on:
 *
 * - A switch returns NULL when somebody throws into the tealet, and with TealetExit when it is
 *   closed. Clean up and return NULL. A tealet that switches again instead has refused to end.
 * - While the tealet is paused, its local variables may lie on the heap, and something else in
 *   their place: nobody else may be given a pointer to them.
 * - A reference to the own tealet is to be let go before the switch. It would keep the tealet from
 *   ending when everybody else has let go of it.
 * - What belongs to the thread is not put away: errno, locks, thread-local variables.
 * - Functions that pybind11 binds must not switch: its dispatcher does not allow for that. Plain
 *   functions in a PyMethodDef, Cython's and nanobind's may.
 *
 * docs/python-c-api.md has more, and examples/python_capi/ an extension module that uses it. C89,
 * as far as Python.h is, and C++; works with Py_LIMITED_API.
 */
#ifndef TEALET_PYTHON_H
#define TEALET_PYTHON_H

#include <Python.h>

#include "tealet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of the table. A new version can do what the old one could not, and not the other way round. */
#define PYTEALET_VERSION 1
#define PYTEALET_CAPSULE "tealetpp._tealetpp._C_API"

/* What a tealet is doing: see tealetpp.Status. */
enum {
  PYTEALET_STATUS_NEW = 0,       /* has not begun */
  PYTEALET_STATUS_STUB = 1,      /* has a captured stack, and no function yet */
  PYTEALET_STATUS_SUSPENDED = 2, /* is paused */
  PYTEALET_STATUS_RUNNING = 3,   /* is the one that runs now */
  PYTEALET_STATUS_EXITED = 4,    /* has ended */
  PYTEALET_STATUS_DEFUNCT = 5    /* cannot be resumed: its stack was given up */
};

/* What the capsule points to. Members are added at the end, and never taken away: whoever was built
 * with less of them goes on working. Any other change makes it another version.
 */
typedef struct PyTealet_API {
  size_t size; /* of the structure, as tealetpp knows it */
  int version; /* PYTEALET_VERSION, of tealetpp */
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

/* Imports tealetpp and gets the table. 0, or -1 with ImportError set: tealetpp is not there, or it
 * is another version than this header, or older. Any number of times.
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

/* Whether `object` is a Tealet, main tealets included; whether it is a Main. Never fail; no for
 * NULL, and an exception that is set stays as it is.
 */
static inline int PyTealet_Check(PyObject* object) { return PYTEALET_TABLE->check(object); }
static inline int PyTealet_CheckMain(PyObject* object) {
  return PYTEALET_TABLE->check_main(object);
}

/* The tealet of the domain of `main` that runs; None once it is closed. With NULL, of the domain
 * that was opened last of those that can be used here; None if there is none on this thread. Costs
 * no more than a few loads, so ask again rather than keep it.
 */
static inline PyObject* PyTealet_Current(PyObject* main) {
  return PYTEALET_TABLE->get_current(main);
}

/* The Main that a tealet belongs to. */
static inline PyObject* PyTealet_Main(PyObject* tealet) { return PYTEALET_TABLE->get_main(tealet); }

/* Who receives the result of a tealet; None for a main tealet, and for one that has ended. */
static inline PyObject* PyTealet_Parent(PyObject* tealet) {
  return PYTEALET_TABLE->get_parent(tealet);
}

/* A new tealet that will run `run`, any callable: PyCFunction_New() makes one of a C function.
 * Without one (NULL or None) it is for Tealet.run() to begin. Its parent is the running tealet if
 * `parent` is NULL or None.
 */
static inline PyObject* PyTealet_New(PyObject* main, PyObject* run, PyObject* parent) {
  return PYTEALET_TABLE->make(main, run, parent);
}

/* Switches to a tealet, and returns the value passed by the next switch back. The first time its
 * function begins, with `value` as its only argument, or none if it is NULL; later `value`, or
 * None, is the result of the switch that paused it. tealet.switch(value) in Python.
 *
 * NULL: it could not switch, and every tealet is as it was; or something was thrown into the
 * caller, or left the function of a tealet whose parent is the caller; or the caller is being
 * closed (TealetExit). In all cases clean up and return NULL, unless the exception is yours to
 * handle.
 */
static inline PyObject* PyTealet_Switch(PyObject* tealet, PyObject* value) {
  return PYTEALET_TABLE->switch_to(tealet, value);
}

/* The same, but resumes the tealet by raising an exception, an instance or a class. */
static inline PyObject* PyTealet_Throw(PyObject* tealet, PyObject* exception) {
  return PYTEALET_TABLE->throw_into(tealet, exception);
}

/* Ends a tealet: raises TealetExit at its pause point and lets it unwind. 0, also if it had ended;
 * on the running one -1 with TealetExit set. Of a Main it closes the domain.
 */
static inline int PyTealet_Close(PyObject* tealet) { return PYTEALET_TABLE->close(tealet); }

/* PYTEALET_STATUS_*, or -1. */
static inline int PyTealet_Status(PyObject* tealet) { return PYTEALET_TABLE->get_status(tealet); }

/* The statistics of the domain of `main` now, and how many bytes are kept for reuse besides, unless
 * `bytes_cached` is NULL. 0 or -1. All zero if tealetpp was built without statistics.
 */
static inline int PyTealet_GetStats(PyObject* main, tealet_stats_t* stats, size_t* bytes_cached) {
  return PYTEALET_TABLE->get_stats(main, stats, bytes_cached);
}

/* NOLINTEND(modernize-*) */

#ifdef __cplusplus
}
#endif

#endif
