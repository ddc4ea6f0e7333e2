/* Tealets for C: coroutines that can pause in the middle of any call, and need no stack beforehand.
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
 * All tealets of one main tealet form a domain and run on the C stack of the thread that made it.
 * While a tealet is paused, its own variables may lie on the heap with something else in their
 * place: never give another tealet a pointer to them.
 *
 * Names, types, constants and meanings are those of libtealet 0.7, so that programs written for it
 * work unchanged; docs/c-api.md lists what differs. Functions that return int return 0 or a
 * negative TEALET_ERR_*, after which every tealet is as it was; functions that return a pointer
 * return NULL when memory runs out. No function may be given a tealet that was deleted.
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

#define TEALET_ERR_MEM (-1)        /* an allocation failed, or the C stack is short */
#define TEALET_ERR_DEFUNCT (-2)    /* the target's stack was given up; it can be deleted only */
#define TEALET_ERR_UNFORKABLE (-3) /* main's stack has no far end: call tealet_set_far() first */
#define TEALET_ERR_INVAL (-4)      /* an argument, or the call here and now, makes no sense */
#define TEALET_ERR_INTEGRITY (-5)  /* the running tealet has written beyond its far end */
#define TEALET_ERR_PANIC (-6)      /* resumed with TEALET_XFER_PANIC: no failure of this call */

/* --- memory ----------------------------------------------------------------------------------- */

/* Where a domain takes all its memory from. malloc_p returns NULL when there is none; blocks must
 * be aligned as malloc()'s are. Both get `context`. They may be called with or without the lock
 * held (tealet_lock_t), and on other threads than the domain's if tealets are deleted there.
 */
typedef void* (*tealet_malloc_t)(size_t size, void* context);
typedef void (*tealet_free_t)(void* ptr, void* context);
typedef struct tealet_alloc_t {
  tealet_malloc_t malloc_p;
  tealet_free_t free_p;
  void* context;
} tealet_alloc_t;

/* malloc() and free() as such functions; `context` is not looked at. */
TEALET_API void* tealet_alloc_malloc(size_t size, void* context);
TEALET_API void tealet_alloc_free(void* ptr, void* context);

#define TEALET_ALLOC_INIT_MALLOC {tealet_alloc_malloc, tealet_alloc_free, NULL}

#define TEALET_ALLOC_MALLOC(alloc, size) (alloc)->malloc_p((size), (alloc)->context)
#define TEALET_ALLOC_FREE(alloc, ptr) (alloc)->free_p((ptr), (alloc)->context)

/* --- tealets ---------------------------------------------------------------------------------- */

/* A tealet, as far as a program sees it. */
typedef struct tealet_t {
  struct tealet_t* const main; /* the main tealet of its domain */
  void* extra;                 /* `extrasize` bytes for the program, zero at first; NULL if none */
} tealet_t;

/* The function of a tealet. It gets its tealet and what the switch that begins it hands over, and
 * returns the tealet to continue in, which gets NULL. If that cannot be switched to, main is, with
 * TEALET_ERR_PANIC. The tealet is TEALET_STATUS_EXITED then and remains until it is deleted.
 */
typedef tealet_t* (*tealet_run_t)(tealet_t* current, void* arg);

/* Begins a domain on this thread and returns its main tealet, which stands for the execution that
 * makes this call. Every tealet gets `extrasize` bytes of its own. `alloc` is copied; NULL stands
 * for TEALET_ALLOC_INIT_MALLOC. Domains may be nested, and each thread may have its own.
 */
TEALET_API tealet_t* tealet_initialize(tealet_alloc_t* alloc, size_t extrasize);

/* Ends the domain and frees whatever is left of it. Nothing is unwound, and every pointer to one of
 * its tealets is invalid from then on.
 *
 * Only in its main tealet: while another one runs, on whatever thread, this prints a line and calls
 * abort(). A domain that was begun in a tealet that has ended, was deleted or is defunct cannot run
 * any more; it may be finalized whichever of its tealets ran last.
 *
 * Another thread may call this if the domain's own thread has ended, or meanwhile uses neither the
 * domain nor one that it was begun in.
 */
TEALET_API void tealet_finalize(tealet_t* tealet);

/* A new tealet of the domain of `tealet`. It has no function yet: tealet_run() or tealet_fork()
 * gives it one.
 */
TEALET_API tealet_t* tealet_new(tealet_t* tealet);

/* How to start: for tealet_run() and tealet_fork(). */
#define TEALET_START_DEFAULT 0 /* capture the stack; the caller goes on */
#define TEALET_START_SWITCH 1  /* switch to the new tealet at once */

/* Gives a new tealet its function.
 *
 * With TEALET_START_SWITCH it begins here and now, with *parg as its argument, and this call
 * returns like tealet_switch(), when something switches back: *parg is what came with that. If
 * `run` ends with TEALET_EXIT_DELETE, the tealet may be gone by then. With TEALET_START_DEFAULT
 * this place on the stack is captured, parg is not looked at, and the first tealet_switch() begins
 * the function on this place.
 *
 * The new stack begins at the caller's stack pointer. With `stack_far` it begins there instead, if
 * that is farther: the new tealet gets a copy of its own of every variable of the caller that is
 * nearer than `stack_far`.
 *
 * TEALET_ERR_MEM; TEALET_ERR_INVAL if it is not new, `run` is NULL, or the domain is another
 * thread's or was begun in a tealet that does not run now; TEALET_ERR_PANIC as tealet_switch().
 */
TEALET_API int tealet_run(tealet_t* tealet, tealet_run_t run, void** parg, void* stack_far,
                          int flags);

/* Makes a new tealet a copy of the running one: this call returns in both, with 0. In the copy
 * tealet_current(tealet) == tealet, and tealet_previous() is who first resumed it. With
 * TEALET_START_DEFAULT the copy is paused, *parg becomes NULL in the original, and in the copy it
 * is what the first switch to it hands over. With TEALET_START_SWITCH the original is paused, and
 * it is the other way round.
 *
 * A copy of a tealet with a function ends as that does, by returning or with tealet_exit(). A copy
 * of main has nothing to return to and must end with tealet_exit(), without TEALET_EXIT_DEFER.
 *
 * TEALET_ERR_UNFORKABLE in main before tealet_set_far(); otherwise as tealet_run().
 */
TEALET_API int tealet_fork(tealet_t* tealet, void** parg, int flags);

/* How to transfer: for tealet_switch() and tealet_exit(). TEALET_XFER_NOFAIL forces, too; if that
 * fails for TEALET_ERR_MEM or TEALET_ERR_DEFUNCT, it goes to main with force and panic.
 */
#define TEALET_XFER_DEFAULT 0
#define TEALET_XFER_FORCE 1  /* where memory is short, give up paused tealets rather than fail */
#define TEALET_XFER_PANIC 2  /* the receiver's switch returns TEALET_ERR_PANIC */
#define TEALET_XFER_NOFAIL 4 /* arrive somewhere: in the target, or in main */

/* Pauses the running tealet and continues in `target`, which gets *parg (NULL without parg).
 * Returns when something switches back, and *parg is what that brought. Switching to the running
 * tealet itself returns at once.
 *
 * TEALET_ERR_MEM if a stack cannot be saved. With TEALET_XFER_FORCE it is given up instead and its
 * tealets are defunct, the running one too if need be; never the main tealet, nor what duplicates
 * share with the target: TEALET_ERR_MEM is returned if only that would help. A forced switch to
 * main succeeds always. TEALET_ERR_DEFUNCT if the target is. TEALET_ERR_INVAL if it has no function
 * yet or has ended, is asked to panic before it has begun, or its domain is another thread's or was
 * begun in a tealet that does not run now; and if the caller is further from where the domain began
 * than max_stack_size. TEALET_ERR_INTEGRITY: see tealet_config_t. TEALET_ERR_PANIC is no failure:
 * it says how the caller was resumed.
 */
TEALET_API int tealet_switch(tealet_t* target, void** parg, int flags);

/* How to exit: for tealet_exit(), together with the flags above. */
#define TEALET_EXIT_DELETE 256 /* delete the tealet that ends; pointers to it are invalid then */
#define TEALET_EXIT_DEFER 512  /* only note all this, for when the tealet's function returns */

/* Ends the running tealet and continues in `target`, which gets `arg`. Returns only if that fails,
 * with an error as tealet_switch() has them, or TEALET_ERR_INVAL in main and to itself; or with
 * TEALET_EXIT_DEFER: 0, and `target` is where it goes if the function then returns NULL.
 *
 * Domains of the C++ API that were opened in the tealet are closed first. They stay closed if the
 * exit fails after that: with TEALET_ERR_INTEGRITY, or because their tealets switched meanwhile.
 */
TEALET_API int tealet_exit(tealet_t* target, void* arg, int flags);

/* A second tealet like `tealet`, with a copy of its extra bytes, and sharing its saved stack until
 * one of them runs. It may be paused, new or ended, not running nor main: NULL then. What is on the
 * stack is copied as it is; pointers in it are those of the original.
 */
TEALET_API tealet_t* tealet_duplicate(tealet_t* tealet);

/* Frees a tealet. Nothing is unwound: what a paused one holds is never released. Does nothing to
 * the running tealet and to main. May be called on any thread if a lock is used (tealet_lock_t).
 */
TEALET_API void tealet_delete(tealet_t* target);

/* --- queries ---------------------------------------------------------------------------------- */

/* Of a domain, named by any of its tealets: the running tealet, and the one that switched to it or
 * NULL if there is none or it was deleted.
 */
TEALET_API tealet_t* tealet_current(tealet_t* tealet);
TEALET_API tealet_t* tealet_previous(tealet_t* tealet);

/* A pointer for the program's own use, one for each domain; NULL at first. */
TEALET_API void** tealet_main_userpointer(tealet_t* tealet);

/* Where a tealet came from: these bits. */
#define TEALET_ORIGIN_MAIN_LINEAGE (1U << 0) /* main, or forked from it, or from one forked so */
#define TEALET_ORIGIN_FORK (1U << 1)         /* made by tealet_fork() */
TEALET_API unsigned int tealet_get_origin(tealet_t* tealet);

#define TEALET_STATUS_ACTIVE 0  /* can be switched to, or runs */
#define TEALET_STATUS_NEW 1     /* has no function yet */
#define TEALET_STATUS_EXITED 2  /* has ended */
#define TEALET_STATUS_DEFUNCT 3 /* its stack was given up when a switch was forced */
TEALET_API int tealet_status(tealet_t* tealet);

/* Bytes of its stack on the heap now; those of a shared stack count in full. 0 of a defunct one. */
TEALET_API size_t tealet_get_stacksize(tealet_t* tealet);

/* The far end of its stack: no byte of it lies at or above this address. NULL of a new tealet; the
 * highest address there is of a main tealet without one.
 */
TEALET_API void* tealet_get_far(tealet_t* tealet);

/* The statistics of a domain, exact at every moment; docs/statistics.md has the definitions in
 * full. Sizes are bytes. All zero when the library was built with TEALET_WITH_STATS=0; otherwise
 * blocks_allocated is never zero.
 */
typedef struct tealet_stats_t {
  size_t n_active;               /* tealets that exist: not yet deleted, main included */
  size_t n_total;                /* tealets ever made, main included */
  size_t bytes_allocated;        /* in blocks taken from the allocator and not given back */
  size_t bytes_allocated_peak;   /* the most there ever were, or since the last reset */
  size_t blocks_allocated;       /* those blocks */
  size_t blocks_allocated_peak;  /* the most there ever were, or since the last reset */
  size_t blocks_allocated_total; /* blocks ever taken */
  size_t stack_count;            /* distinct saved stacks */
  size_t stack_chunk_count;      /* distinct chunks in them */
  size_t stack_bytes;            /* stack data in them, each chunk once */
  size_t stack_bytes_expanded;   /* the same, once for each tealet that shares a chunk */
  size_t stack_bytes_naive;      /* the extents of all paused tealets */
} tealet_stats_t;

TEALET_API void tealet_get_stats(tealet_t* tealet, tealet_stats_t* stats);
/* Both peaks become the current values. */
TEALET_API void tealet_reset_peak_stats(tealet_t* tealet);

/* --- configuration ---------------------------------------------------------------------------- */

/* Gives the main tealet a far end, so that it can be forked: a promise that nothing at or above
 * `far_boundary` needs to be saved while other tealets run. Take the address of a variable of a
 * caller, and keep the compiler from inlining the code that forks into that caller: the variables
 * of one function lie in any order. TEALET_ERR_INVAL unless `tealet` is main and runs, and
 * `far_boundary` is above the stack pointer.
 */
TEALET_API int tealet_set_far(tealet_t* tealet, void* far_boundary);

/* Runtime checks. The first two members say which structure the caller knows: members that do not
 * fit in `size` bytes are neither read nor written.
 *
 * Stack integrity: a tealet must not touch the stack beyond its far end, where its creator's
 * variables lie. With TEALET_CONFIGF_STACK_INTEGRITY, and either or both of the other flags, the
 * stack_integrity_bytes bytes from its far end up are watched while a tealet runs, though none at
 * or above stack_guard_limit (NULL: as far as this thread's stack reaches).
 *
 * TEALET_CONFIGF_STACK_GUARD write-protects the full pages among them, or makes them inaccessible:
 * whoever touches them gets SIGSEGV on the spot.
 *
 * TEALET_CONFIGF_STACK_SNAPSHOT keeps a copy of the others, or of all without guard, and compares
 * it when the tealet switches or exits. If something has changed, then with ..._FAIL_ERROR that
 * call returns TEALET_ERR_INTEGRITY, nothing has switched, and the next one compares no more. With
 * ..._FAIL_ABORT the program ends, with ..._FAIL_ASSERT too in a library built without NDEBUG;
 * otherwise that is as ..._FAIL_ERROR. If it is the tealet's function that returns, main gets
 * TEALET_ERR_PANIC. Main tealets and forks of them are not watched.
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
  size_t max_stack_size; /* no transfer further than this from where the domain began; 0: any */
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

/* What is in force. TEALET_ERR_INVAL if `config` is NULL, of another version, or too small to say
 * which.
 */
TEALET_API int tealet_configure_get(tealet_t* tealet, tealet_config_t* config);

/* Puts `config` in force, and writes back what that is: flags that need another one, or
 * stack_integrity_bytes, and do not have it, are cleared; a guard without a valid mode gets
 * TEALET_STACK_GUARD_MODE_NOACCESS; a policy that is none becomes ..._FAIL_ASSERT. Also
 * TEALET_ERR_MEM, for the copy.
 */
TEALET_API int tealet_configure_set(tealet_t* tealet, tealet_config_t* config);

/* Watches `stack_integrity_bytes` bytes (0: a page) by all means, with
 * TEALET_STACK_GUARD_MODE_NOACCESS and TEALET_STACK_INTEGRITY_FAIL_ERROR, up to the place on the
 * stack where this is called.
 */
TEALET_API int tealet_configure_check_stack(tealet_t* tealet, size_t stack_integrity_bytes);

/* A lock of the program's, for domains whose tealets are made, duplicated or deleted on other
 * threads than their own; transfers always happen on their own. In TEALET_LOCK_AUTO mode it is held
 * in tealet_new(), run(), fork(), switch(), exit(), duplicate() and delete(), and never while a
 * tealet's function runs; it need not be recursive. A transfer takes it on one stack and releases
 * it on another, on the same thread. In TEALET_LOCK_OFF mode only tealet_lock() and tealet_unlock()
 * use it.
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

/* `locking` is copied; NULL removes it. TEALET_ERR_INVAL if its mode is none. */
TEALET_API int tealet_configure_set_locking(tealet_t* tealet, const tealet_lock_t* locking);

/* Call its functions, in either mode; without them, nothing. */
TEALET_API void tealet_lock(tealet_t* tealet);
TEALET_API void tealet_unlock(tealet_t* tealet);

/* --- utilities -------------------------------------------------------------------------------- */

/* A block of the domain's allocator, for what tealets hand to each other. It is the program's own
 * and not in the statistics.
 */
TEALET_API void* tealet_malloc(tealet_t* tealet, size_t s);
TEALET_API void tealet_free(tealet_t* tealet, void* p);

/* How much deeper `b` is on the stack than `a`, in bytes. */
TEALET_API ptrdiff_t tealet_stack_diff(void* a, void* b);

/* Whichever is farther from the near end of the stack. */
TEALET_API void* tealet_stack_further(void* a, void* b);

/* The far end that tealet_run() would give a tealet if it were called here with these arguments:
 * the caller's stack pointer or `stack_far`. The real one may be a few hundred bytes nearer, never
 * farther. The other arguments are not looked at.
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
