/* Additions to <tealet/tealet.h>: an allocator that counts, tealet_spawn(), and stubs. Names and
 * types are those of libtealet 0.7; docs/c-api.md lists what differs. C89 and C++.
 */
#ifndef TEALET_TEALET_EXTRAS_H
#define TEALET_TEALET_EXTRAS_H

#include "tealet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Counts the live blocks of the allocator `base`. Pass `alloc` to tealet_initialize(). The
 * structure and `base` must live as long as the domain.
 */
typedef struct tealet_statsalloc_t {
  tealet_alloc_t alloc;
  tealet_alloc_t* base;
  size_t n_allocs; /* live blocks */
  size_t s_allocs; /* bytes in them, as requested */
} tealet_statsalloc_t;

TEALET_API void tealet_statsalloc_init(tealet_statsalloc_t* alloc, tealet_alloc_t* base);

/* tealet_new() and tealet_run() in one. *pcreated is set to the new tealet before its function
 * begins, and to NULL if it could not be made or started. Errors are those of tealet_run(). After
 * TEALET_ERR_PANIC the tealet has begun, so *pcreated stays set.
 */
TEALET_API int tealet_spawn(tealet_t* tealet, tealet_t** pcreated, tealet_run_t run, void** parg,
                            void* stack_far, int flags);

/* Makes a stub: a tealet that was captured at this place on the stack and has no function yet.
 * *pstub is NULL if it could not be made. Errors and `stack_far` are those of tealet_run().
 */
TEALET_API int tealet_stub_new(tealet_t* tealet, tealet_t** pstub, void* stack_far);

/* Gives a stub, or a duplicate of one, its function and switches to it: as tealet_run() with
 * TEALET_START_SWITCH, but at the place where the stub was captured. TEALET_ERR_INVAL if it is not
 * a stub or has its function already.
 */
TEALET_API int tealet_stub_run(tealet_t* stub, tealet_run_t run, void** parg);

#ifdef __cplusplus
}
#endif

#endif
