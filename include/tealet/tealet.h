/* Tealets for C: coroutines that can pause in any call, without a pre-allocated stack.
 *
 *   static tealet_t* run(tealet_t* current, void* arg) {
 *     tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);   pause here, go back to main
 *     return current->main;                                      end, and go there
 *   }
 *
 *   tealet_alloc_t alloc = TEALET_ALLOC_INIT_MALLOC;
 *   tealet_t* main = tealet_initialize(&alloc, 0);
 *   tealet_t* t = tealet_new(main);
 *   void* arg = NULL;
 *   tealet_run(t, run, &arg, NULL, TEALET_START_SWITCH);
 *   tealet_switch(t, &arg, TEALET_XFER_DEFAULT);
 *   tealet_delete(t);
 *   tealet_finalize(main);
 *
 * A main tealet and the tealets created for it form a domain. They run on the C stack of the thread
 * that opened the domain. While a tealet is paused, its variables may lie on the heap, with
 * something else in their place: never give another tealet a pointer to them.
 *
 * Names, types and constants are those of libtealet 0.7; docs/c-api.md lists what differs.
 *
 * A function that returns int returns 0 or a negative TEALET_ERR_*. After an error every tealet is
 * as it was. A function that returns a pointer returns NULL when memory runs out. Never pass a
 * deleted tealet, nor NULL for a tealet. Misuse that would crash later prints a line and calls
 * abort(); docs/c-api.md lists what is detected.
 *
 * C89 and C++.
 */
#ifndef TEALET_TEALET_H
#define TEALET_TEALET_H

#include <stddef.h>

#include "detail/compiler.h"
#include "tealet_version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- errors ----------------------------------------------------------------------------------- */

#define TEALET_ERR_MEM (-1)        /* an allocation failed, or the C stack is used up */
#define TEALET_ERR_DEFUNCT (-2)    /* the target's stack was given up; it can only be deleted */
#define TEALET_ERR_UNFORKABLE (-3) /* main's stack has no far end: call tealet_set_far() first */
#define TEALET_ERR_INVAL (-4)      /* an argument is invalid, or the call is not allowed now */
#define TEALET_ERR_INTEGRITY (-5)  /* the running tealet has written beyond its far end */
#define TEALET_ERR_PANIC (-6)      /* resumed with TEALET_XFER_PANIC: this call has not failed */

/* --- memory ----------------------------------------------------------------------------------- */

/* The allocator of a domain: all its memory comes from here. malloc_p returns NULL when there is no
 * memory, and blocks that are aligned as malloc()'s are. Both functions get `context`. They may be
 * called with or without the lock held (tealet_lock_t), and on another thread than the domain's if
 * tealets are made or deleted there.
 */
typedef void* (*tealet_malloc_t)(size_t size, void* context);
typedef void (*tealet_free_t)(void* ptr, void* context);
typedef struct tealet_alloc_t {
  tealet_malloc_t malloc_p;
  tealet_free_t free_p;
  void* context;
} tealet_alloc_t;

/* malloc() and free() as such functions; they ignore `context`. */
TEALET_API void* tealet_alloc_malloc(size_t size, void* context);
TEALET_API void tealet_alloc_free(void* ptr, void* context);

#define TEALET_ALLOC_INIT_MALLOC {tealet_alloc_malloc, tealet_alloc_free, NULL}

#define TEALET_ALLOC_MALLOC(alloc, size) (alloc)->malloc_p((size), (alloc)->context)
#define TEALET_ALLOC_FREE(alloc, ptr) (alloc)->free_p((ptr), (alloc)->context)

/* --- tealets ---------------------------------------------------------------------------------- */

/* The part of a tealet that a program sees. */
typedef struct tealet_t {
  struct tealet_t* const main; /* the main tealet of its domain */
  void* extra;                 /* `extrasize` bytes for the program, zeroed; NULL if none */
} tealet_t;

/* The function of a tealet. `arg` is the value of the switch that begins it. It returns `next`, the
 * tealet to continue in, whose switch gets NULL. If `next` cannot be switched to, main continues
 * with TEALET_ERR_PANIC. The tealet is TEALET_STATUS_EXITED then and remains until it is deleted.
 *
 * Nothing may delete `next` between the return and the switch. In C++, these run in between: the
 * destructors of the function's own variables, and those of tealets whose C++ domain was opened in
 * this tealet and is closed when it ends. If one of them deletes `next`, the return goes to freed
 * memory. The same holds for the target of TEALET_EXIT_DEFER.
 */
typedef tealet_t* (*tealet_run_t)(tealet_t* current, void* arg);

/* Opens a domain on this thread and returns its main tealet: the execution that makes this call.
 * Every tealet gets `extrasize` extra bytes. `alloc` is copied; NULL means
 * TEALET_ALLOC_INIT_MALLOC. Domains can be nested, and each thread can have its own.
 */
TEALET_API tealet_t* tealet_initialize(tealet_alloc_t* alloc, size_t extrasize);

/* Closes the domain and frees what is left of it. Nothing is unwound. Every pointer to one of its
 * tealets becomes invalid.
 *
 * Call it in the main tealet. While another tealet of the domain runs, on any thread, it prints a
 * line and calls abort(). Exception: if a tealet that the domain was opened in has ended, was
 * deleted or is defunct, the domain can never run again, and can be finalized anywhere.
 *
 * Another thread may call it if the domain's own thread has ended, or if meanwhile that thread uses
 * neither the domain nor one that it was opened in.
 */
TEALET_API void tealet_finalize(tealet_t* tealet);

/* Returns a new tealet of the domain of `tealet`. It has no function yet: pass it to tealet_run()
 * or tealet_fork().
 */
TEALET_API tealet_t* tealet_new(tealet_t* tealet);

/* How to start: for tealet_run() and tealet_fork(). */
#define TEALET_START_DEFAULT 0 /* capture the stack; the caller continues */
#define TEALET_START_SWITCH 1  /* switch to the new tealet at once */

/* Gives a new tealet its function.
 *
 * TEALET_START_SWITCH: it begins now, with *parg as its argument. Like tealet_switch() this call
 * returns when something switches back, and *parg is the value of that switch. If `run` ends with
 * TEALET_EXIT_DELETE, the tealet may be gone by then.
 *
 * TEALET_START_DEFAULT: this place on the stack is captured, and the first tealet_switch() begins
 * the function there. `parg` is ignored.
 *
 * The new stack's far end is the caller's stack pointer, or `stack_far` if that is farther. The
 * tealet then gets its own copy of every variable of the caller that is nearer than `stack_far`.
 *
 * Errors: TEALET_ERR_MEM. TEALET_ERR_INVAL if `tealet` is not new, `run` is NULL, or the domain
 * belongs to another thread or was opened in a tealet that does not run now. TEALET_ERR_PANIC as
 * for tealet_switch(): the tealet has begun and can be resumed.
 */
TEALET_API int tealet_run(tealet_t* tealet, tealet_run_t run, void** parg, void* stack_far,
                          int flags);

/* Makes a new tealet a copy of the running one. This call returns in both, with 0. In the copy
 * tealet_current(tealet) == tealet, and tealet_previous() is the tealet that first resumed it.
 *
 * TEALET_START_DEFAULT: the copy is paused. *parg becomes NULL in the original; in the copy it is
 * the value of the first switch to the copy. TEALET_START_SWITCH: the original is paused, and the
 * two change roles.
 *
 * A copy of a tealet with a function ends as that tealet does: by returning or with tealet_exit().
 * A copy of main has nothing to return to. It must end with tealet_exit(), without
 * TEALET_EXIT_DEFER.
 *
 * Errors: TEALET_ERR_UNFORKABLE in main before tealet_set_far(); otherwise as for tealet_run().
 */
TEALET_API int tealet_fork(tealet_t* tealet, void** parg, int flags);

/* How to transfer: for tealet_switch() and tealet_exit(). TEALET_XFER_NOFAIL includes
 * TEALET_XFER_FORCE. If the transfer still fails with TEALET_ERR_MEM or TEALET_ERR_DEFUNCT, it goes
 * to main instead, with force and panic.
 */
#define TEALET_XFER_DEFAULT 0
#define TEALET_XFER_FORCE 1  /* without memory, give up paused tealets instead of failing */
#define TEALET_XFER_PANIC 2  /* the receiver's switch returns TEALET_ERR_PANIC */
#define TEALET_XFER_NOFAIL 4 /* always switch: to the target, or else to main */

/* Pauses the running tealet and continues in `target`, which gets *parg (NULL without parg).
 * Returns when something switches back; *parg is the value of that switch. Switching to the running
 * tealet itself returns at once.
 *
 * Errors:
 * - TEALET_ERR_MEM: a stack cannot be saved. With TEALET_XFER_FORCE it is given up instead, and its
 *   tealets become defunct; this can be the running tealet. Main's stack is never given up, nor one
 *   that duplicates share with the target: if such a stack cannot be saved, a forced switch returns
 *   TEALET_ERR_MEM, too. A forced switch to main always succeeds.
 * - TEALET_ERR_DEFUNCT: `target` is defunct.
 * - TEALET_ERR_INVAL: `target` has no function yet or has ended; it would panic before it has
 *   begun; its domain belongs to another thread, or was opened in a tealet that does not run now;
 *   or the caller is farther than max_stack_size from where the domain was opened.
 * - TEALET_ERR_INTEGRITY: see tealet_config_t.
 * - TEALET_ERR_PANIC is no failure. The caller was resumed with TEALET_XFER_PANIC.
 */
TEALET_API int tealet_switch(tealet_t* target, void** parg, int flags);

/* How to exit: for tealet_exit(), together with the flags above. */
#define TEALET_EXIT_DELETE 256 /* delete the tealet that ends; pointers to it become invalid */
#define TEALET_EXIT_DEFER 512  /* store the arguments until the tealet's function returns */

/* Ends the running tealet and continues in `target`, which gets `arg`. Returns only if that fails:
 * with an error of tealet_switch(), or with TEALET_ERR_INVAL if the running tealet is main or
 * `target`.
 *
 * With TEALET_EXIT_DEFER it returns 0. The tealet goes to `target` if its function then returns
 * NULL.
 *
 * Domains of the C++ API that were opened in the tealet are closed first. They stay closed if the
 * exit fails after that: with TEALET_ERR_INTEGRITY, or because their tealets switched meanwhile.
 */
TEALET_API int tealet_exit(tealet_t* target, void* arg, int flags);

/* Returns a second tealet like `tealet`, with a copy of its extra bytes. The two share the saved
 * stack until one of them runs. `tealet` may be paused, new or ended; NULL if it is running or
 * main. Every pointer on the stack keeps its value, also the `current` of the tealet's function.
 */
TEALET_API tealet_t* tealet_duplicate(tealet_t* tealet);

/* Frees a tealet. Nothing is unwound: what a paused tealet holds is never released. Does nothing to
 * the running tealet and to main. May be called on any thread if a lock is used (tealet_lock_t).
 */
TEALET_API void tealet_delete(tealet_t* target);

/* --- queries ---------------------------------------------------------------------------------- */

/* The running tealet of the domain of `tealet`; and the tealet that switched to it, NULL if there
 * is none or it was deleted.
 */
TEALET_API tealet_t* tealet_current(tealet_t* tealet);
TEALET_API tealet_t* tealet_previous(tealet_t* tealet);

/* One pointer for each domain, for the program's own use; NULL at first. */
TEALET_API void** tealet_main_userpointer(tealet_t* tealet);

/* The origin of a tealet, as bits. */
#define TEALET_ORIGIN_MAIN_LINEAGE (1U << 0) /* main, a fork of main, or a fork of such a fork */
#define TEALET_ORIGIN_FORK (1U << 1)         /* made by tealet_fork() */
TEALET_API unsigned int tealet_get_origin(tealet_t* tealet);

#define TEALET_STATUS_ACTIVE 0  /* can be switched to, or runs */
#define TEALET_STATUS_NEW 1     /* has no function yet */
#define TEALET_STATUS_EXITED 2  /* has ended */
#define TEALET_STATUS_DEFUNCT 3 /* its stack was given up when a switch was forced */
TEALET_API int tealet_status(tealet_t* tealet);

/* Bytes of its stack on the heap now. A shared stack counts in full; 0 for a defunct tealet. */
TEALET_API size_t tealet_get_stacksize(tealet_t* tealet);

/* The far end of its stack: all bytes of the stack lie below this address. NULL for a new tealet;
 * the highest possible address for a main tealet without a far end.
 */
TEALET_API void* tealet_get_far(tealet_t* tealet);

/* The statistics of a domain, exact at every moment; docs/statistics.md has the full definitions.
 * Sizes are in bytes. All figures are zero if the library was built with TEALET_WITH_STATS=0;
 * otherwise blocks_allocated is never zero.
 */
typedef struct tealet_stats_t {
  size_t n_active;               /* tealets that exist: not yet deleted, main included */
  size_t n_total;                /* tealets ever made, main included */
  size_t bytes_allocated;        /* in blocks taken from the allocator and not given back */
  size_t bytes_allocated_peak;   /* their maximum since the beginning or the last reset */
  size_t blocks_allocated;       /* those blocks */
  size_t blocks_allocated_peak;  /* their maximum since the beginning or the last reset */
  size_t blocks_allocated_total; /* blocks ever taken */
  size_t stack_count;            /* distinct saved stacks */
  size_t stack_chunk_count;      /* distinct chunks in them */
  size_t stack_bytes;            /* stack data in them, each chunk once */
  size_t stack_bytes_expanded;   /* the same, once for each tealet that shares a chunk */
  size_t stack_bytes_naive;      /* the extents of all paused tealets */
} tealet_stats_t;

TEALET_API void tealet_get_stats(tealet_t* tealet, tealet_stats_t* stats);
/* Sets both peaks to the current values. */
TEALET_API void tealet_reset_peak_stats(tealet_t* tealet);

/* --- configuration ---------------------------------------------------------------------------- */

/* Gives the main tealet a far end, so that it can be forked. The caller promises that nothing at or
 * above `far_boundary` must be saved while other tealets run.
 *
 * Take the address of a variable of a caller. Keep the compiler from inlining the code that forks
 * into that caller: the variables of one function lie in any order.
 *
 * TEALET_ERR_INVAL unless `tealet` is main and runs, and `far_boundary` is above the stack pointer.
 */
TEALET_API int tealet_set_far(tealet_t* tealet, void* far_boundary);

/* Runtime checks. The first two members say which structure the caller knows: members that do not
 * fit in `size` bytes are neither read nor written.
 *
 * Stack integrity: a tealet must not touch the stack beyond its far end, where its creator's
 * variables lie. TEALET_CONFIGF_STACK_INTEGRITY, with one or both of the other flags, watches
 * stack_integrity_bytes bytes from the far end up while a tealet runs. No byte at or above
 * stack_guard_limit is watched (NULL: the end of this thread's stack). Main tealets and forks of
 * them are not watched.
 *
 * TEALET_CONFIGF_STACK_GUARD write-protects the full pages among these bytes, or makes them
 * inaccessible: an access raises SIGSEGV at once.
 *
 * TEALET_CONFIGF_STACK_SNAPSHOT keeps a copy of the other bytes (without guard: of all), and
 * compares it when the tealet switches or exits. If a byte has changed:
 * - ..._FAIL_ERROR: the call returns TEALET_ERR_INTEGRITY, and nothing has switched. The next call
 *   does not compare again.
 * - ..._FAIL_ABORT: the program ends.
 * - ..._FAIL_ASSERT: the program ends if the library was built without NDEBUG; otherwise as
 *   ..._FAIL_ERROR.
 * If the tealet's function has returned, main gets TEALET_ERR_PANIC instead of an error.
 */
#define TEALET_CONFIG_VERSION_1 1
#define TEALET_CONFIG_CURRENT_VERSION TEALET_CONFIG_VERSION_1

#define TEALET_CONFIGF_STACK_INTEGRITY (1U << 0)
#define TEALET_CONFIGF_STACK_GUARD (1U << 1)
#define TEALET_CONFIGF_STACK_SNAPSHOT (1U << 2)

#define TEALET_STACK_GUARD_MODE_NONE 0
#define TEALET_STACK_GUARD_MODE_READONLY 1
#define TEALET_STACK_GUARD_MODE_NOACCESS 2

#define TEALET_STACK_INTEGRITY_FAIL_ASSERT 0
#define TEALET_STACK_INTEGRITY_FAIL_ERROR 1
#define TEALET_STACK_INTEGRITY_FAIL_ABORT 2

#define TEALET_DEFAULT_MAX_STACK_SIZE ((size_t)(16U * 1024U * 1024U))

typedef struct tealet_config_t {
  size_t size;
  unsigned int version;
  unsigned int flags;
  size_t stack_integrity_bytes;
  int stack_guard_mode;
  int stack_integrity_fail_policy;
  void* stack_guard_limit;
  size_t max_stack_size; /* no transfer farther than this from where the domain opened; 0: any */
  unsigned int reserved[2];
} tealet_config_t;

/* Nothing is watched. */
#define TEALET_CONFIG_INIT             \
  {sizeof(tealet_config_t),            \
   TEALET_CONFIG_CURRENT_VERSION,      \
   0U,                                 \
   0,                                  \
   TEALET_STACK_GUARD_MODE_NONE,       \
   TEALET_STACK_INTEGRITY_FAIL_ASSERT, \
   NULL,                               \
   TEALET_DEFAULT_MAX_STACK_SIZE,      \
   {0U, 0U}}

/* Gets the current configuration. TEALET_ERR_INVAL if `config` is NULL, of another version, or too
 * small to contain a version.
 */
TEALET_API int tealet_configure_get(tealet_t* tealet, tealet_config_t* config);

/* Sets the configuration, and writes the configuration that is in effect back to `config`:
 * - All flags are cleared unless TEALET_CONFIGF_STACK_INTEGRITY, one of the other two, and
 *   stack_integrity_bytes are set.
 * - A guard without a valid mode gets TEALET_STACK_GUARD_MODE_NOACCESS.
 * - An invalid policy becomes ..._FAIL_ASSERT.
 * Errors: as tealet_configure_get(); TEALET_ERR_MEM if there is no memory for the snapshot.
 */
TEALET_API int tealet_configure_set(tealet_t* tealet, tealet_config_t* config);

/* Watches `stack_integrity_bytes` bytes (0: a page) with all three flags,
 * TEALET_STACK_GUARD_MODE_NOACCESS and TEALET_STACK_INTEGRITY_FAIL_ERROR. The caller's place on the
 * stack becomes stack_guard_limit. Errors: as tealet_configure_set().
 */
TEALET_API int tealet_configure_check_stack(tealet_t* tealet, size_t stack_integrity_bytes);

/* A lock that the program provides. A domain needs one if its tealets are made, duplicated or
 * deleted on other threads than its own; transfers always happen on the domain's own thread.
 *
 * TEALET_LOCK_AUTO: the lock is held in tealet_new(), run(), fork(), switch(), exit(), duplicate()
 * and delete(), and never while a tealet's function runs. It need not be recursive. A transfer
 * takes it on one stack and releases it on another, on the same thread.
 *
 * TEALET_LOCK_OFF: only tealet_lock() and tealet_unlock() use it.
 */
typedef enum tealet_lock_mode_t {
  TEALET_LOCK_OFF = 0,
  TEALET_LOCK_AUTO = 1,
  TEALET_LOCK_SWITCH = 1 /* its name before libtealet 0.7.2 */
} tealet_lock_mode_t;

typedef struct tealet_lock_t {
  tealet_lock_mode_t mode;
  void (*lock)(void* arg);
  void (*unlock)(void* arg);
  void* arg;
} tealet_lock_t;

/* `locking` is copied; NULL removes the lock. TEALET_ERR_INVAL if the mode is invalid. */
TEALET_API int tealet_configure_set_locking(tealet_t* tealet, const tealet_lock_t* locking);

/* Call the lock's functions, in either mode. Without a lock they do nothing. */
TEALET_API void tealet_lock(tealet_t* tealet);
TEALET_API void tealet_unlock(tealet_t* tealet);

/* --- utilities -------------------------------------------------------------------------------- */

/* Take and free a block of the domain's allocator, for data that tealets pass to each other. The
 * block belongs to the program and is not in the statistics.
 */
TEALET_API void* tealet_malloc(tealet_t* tealet, size_t s);
TEALET_API void tealet_free(tealet_t* tealet, void* p);

/* How much deeper `b` is on the stack than `a`, in bytes. */
TEALET_API ptrdiff_t tealet_stack_diff(void* a, void* b);

/* The one of the two that is farther from the near end of the stack. */
TEALET_API void* tealet_stack_further(void* a, void* b);

/* The far end that tealet_run() would give a tealet here with these arguments: the caller's stack
 * pointer or `stack_far`. The actual far end may be a few hundred bytes nearer, never farther. The
 * other arguments are ignored.
 */
TEALET_API void* tealet_new_probe(tealet_t* tealet, tealet_run_t run, void** parg, void* stack_far,
                                  int flags);

#define TEALET_MAIN(t) ((t)->main)
#define TEALET_IS_MAIN(t) ((t) == TEALET_MAIN(t))
#define TEALET_CURRENT_IS_MAIN(t) (tealet_current(t) == TEALET_MAIN(t))
#define TEALET_IS_MAIN_LINEAGE(t) ((tealet_get_origin(t) & TEALET_ORIGIN_MAIN_LINEAGE) != 0)
#define TEALET_IS_FORK(t) ((tealet_get_origin(t) & TEALET_ORIGIN_FORK) != 0)
/* Whether two tealets belong to one domain, so that one can switch to the other. */
#define TEALET_RELATED(t1, t2) (TEALET_MAIN(t1) == TEALET_MAIN(t2))
/* The extra bytes as a `tp*`. */
#define TEALET_EXTRA(t, tp) ((tp*)((t)->extra))

#ifdef __cplusplus
}
#endif

#endif
