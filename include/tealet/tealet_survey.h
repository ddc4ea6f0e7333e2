/* What each tealet takes: the statistics of one tealet, and a survey of all tealets of a domain.
 * docs/statistics.md defines the figures. libtealet has none of this. C89 and C++.
 *
 * If the library was built without statistics all figures are zero.
 */
#ifndef TEALET_TEALET_SURVEY_H
#define TEALET_TEALET_SURVEY_H

#include "tealet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one tealet takes. Sizes are in bytes. */
typedef struct tealet_tealet_stats_t {
  size_t saved_bytes;      /* of its stack on the heap; those of a shared stack in full */
  size_t extent;           /* how deep its stack is */
  size_t chunk_count;      /* chunks of its saved stack */
  size_t sharers;          /* tealets that share its stack, itself included; 0 while it has none */
  size_t bytes_alone;      /* its part of bytes_allocated; a shared stack is divided by sharers */
  size_t data_stack_bytes; /* 0: only tealets of Python have a data stack */
  /* The history. Zero unless the tealet is tracked: see tealet_track(). */
  size_t extent_max;  /* the deepest that its stack was when it paused, or is now */
  size_t switches;    /* how often it was switched to */
  size_t stack_grows; /* chunks added to its stack while it was paused */
  size_t age;         /* tealets created after it */
  int tracked;        /* whether the history is recorded */
} tealet_tealet_stats_t;

/* Gets the statistics of one tealet. While it runs, `extent` is 0 if it is main, or if the domain
 * cannot be used here.
 */
TEALET_API void tealet_get_tealet_stats(tealet_t* tealet, tealet_tealet_stats_t* stats);

/* From now on the history of the domain's main tealet is recorded, and that of each tealet that is
 * created. It takes 32 bytes for each tealet. It cannot be stopped; a second call does nothing.
 */
TEALET_API void tealet_track(tealet_t* tealet);

/* One quantity over the tealets of a survey. All zero if there are none. */
typedef struct tealet_distribution_t {
  size_t minimum;
  size_t median;        /* the smallest value that half of them do not exceed */
  size_t percentile_99; /* the smallest value that 99 of 100 do not exceed */
  size_t maximum;
  size_t total;
  double mean;
} tealet_distribution_t;

#define TEALET_HISTOGRAM_SIZE 64

/* All tealets of a domain but main, which has the system stack. Element i of a histogram counts the
 * values from 2^i to 2^(i+1) - 1; the first one counts zero, too.
 */
typedef struct tealet_survey_t {
  size_t count;                /* tealets */
  tealet_distribution_t depth; /* of `extent` */
  tealet_distribution_t cost;  /* of `bytes_alone` */
  size_t depths[TEALET_HISTOGRAM_SIZE];
  size_t chunk_sizes[TEALET_HISTOGRAM_SIZE]; /* of saved chunks, each once */
  /* What fixed stacks would have touched: each extent rounded up to pages, and one page more. */
  size_t touched_stack_bytes;
  size_t domain_bytes; /* what no tealet takes: with cost.total it is bytes_allocated */
} tealet_survey_t;

/* Sums up what each tealet takes, in one walk over all of them. `largest` has `n_largest` elements.
 * It gets the tealets of the largest cost, the largest first, and NULL where there are no more. It
 * may be NULL if `n_largest` is 0.
 *
 * Returns 0, or TEALET_ERR_MEM. The memory for the walk comes from malloc(), not from the domain's
 * allocator.
 */
TEALET_API int tealet_get_survey(tealet_t* tealet, tealet_survey_t* survey, tealet_t** largest,
                                 size_t n_largest);

#ifdef __cplusplus
}
#endif

#endif
