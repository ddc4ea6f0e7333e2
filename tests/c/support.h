/* Helpers of the C tests. */
#ifndef TESTS_C_SUPPORT_H
#define TESTS_C_SUPPORT_H

#include <tealet/tealet.h>

#include <stddef.h>

#include "check.h"

/* Small numbers as arguments of transfers. */
void* token(long value);
long number(void* value);

/* An allocator that knows what it has given out, and that can run dry. Blocks are filled with
 * rubbish, when they are taken and when they are given back.
 */
typedef struct upstream_t {
  tealet_alloc_t alloc;
  size_t blocks;
  size_t bytes;
  size_t total; /* blocks ever taken */
  size_t failures;
  long left; /* how many more allocations succeed; negative: all */
} upstream_t;

void upstream_init(upstream_t* upstream);

/* Calls `function` below `depth` frames of some 300 bytes, with known content that must be the same
 * afterwards.
 */
void at_depth(int depth, void (*function)(void* arg), void* arg);

/* An address that many bytes away, hidden from the compiler. */
void* away(void* address, ptrdiff_t bytes);

/* Bytes on a stack that must be found as they were left. */
typedef struct pattern_t {
  volatile unsigned char bytes[256];
  volatile unsigned int seed;
} pattern_t;
void pattern_init(pattern_t* pattern, unsigned int seed);
int pattern_intact(const pattern_t* pattern);

/* Whether the library keeps statistics: all figures are zero otherwise. */
int counting(tealet_t* tealet);
tealet_stats_t stats_of(tealet_t* tealet);
/* Whether the current figures of two snapshots are equal. Peaks and totals may differ. */
int same_now(const tealet_stats_t* one, const tealet_stats_t* other);
/* Whether the figures obey what is always true of them, and agree with what the domain took from
 * `upstream`.
 */
int figures_hold(tealet_t* tealet, const upstream_t* upstream);

/* Aborts if an invariant of the domain is broken; does nothing in builds without checks. */
void verify(tealet_t* tealet);

/* A run function that returns every value plus one to main, forever. */
tealet_t* echo(tealet_t* current, void* arg);
/* One that ends at once, and goes to main. */
tealet_t* end_at_once(tealet_t* current, void* arg);

/* A new tealet that has begun to echo and is paused. */
tealet_t* paused_echo(tealet_t* any);

#endif
