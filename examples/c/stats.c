/* What a paused tealet costs depends on how deep it is: a table by depth, and the address space
 * that the same tealets would reserve with stacks of a fixed size.
 */
#include <tealet/tealet.h>

#include <stdio.h>

#define COUNT 1000
#define FIXED_STACK (64ul * 1024ul)

static int depth_now;

static int descend(tealet_t* current, int depth);
/* Through a volatile pointer, so that the compiler cannot inline the calls. */
static int (*volatile deeper)(tealet_t* current, int depth) = descend;

/* Pauses `depth` calls down. */
static int descend(tealet_t* current, int depth) {
  volatile char frame[128];

  frame[0] = (char)depth;
  if (depth == 0) {
    tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT);
    return frame[0];
  }
  return deeper(current, depth - 1) + frame[0];
}

static tealet_t* run(tealet_t* current, void* arg) {
  (void)arg;
  deeper(current, depth_now);
  return current->main;
}

/* Pauses COUNT tealets at one depth, prints what they cost, and lets them end. */
static int measure(tealet_t* main_tealet, int depth) {
  static tealet_t* tealets[COUNT];
  tealet_stats_t before;
  tealet_stats_t paused;
  int i;

  tealet_get_stats(main_tealet, &before);
  depth_now = depth;
  for (i = 0; i < COUNT; ++i) {
    tealets[i] = tealet_new(main_tealet);
    if (tealets[i] == NULL) return -1;
    if (tealet_run(tealets[i], run, NULL, NULL, TEALET_START_SWITCH) != 0) return -1;
  }
  tealet_get_stats(main_tealet, &paused);
  printf("%6d %16lu %16lu %16lu %11.1fx\n", depth,
         (unsigned long)((paused.stack_bytes - before.stack_bytes) / COUNT),
         (unsigned long)((paused.bytes_allocated - before.bytes_allocated) / COUNT), FIXED_STACK,
         (double)FIXED_STACK * COUNT / (double)(paused.bytes_allocated - before.bytes_allocated));
  for (i = 0; i < COUNT; ++i) {
    tealet_switch(tealets[i], NULL, TEALET_XFER_DEFAULT);
    tealet_delete(tealets[i]);
  }
  return 0;
}

int main(void) {
  tealet_alloc_t alloc = TEALET_ALLOC_INIT_MALLOC;
  tealet_t* main_tealet;
  tealet_stats_t stats;
  int depth;

  main_tealet = tealet_initialize(&alloc, 0);
  if (main_tealet == NULL) return 1;
  tealet_get_stats(main_tealet, &stats);
  if (stats.blocks_allocated == 0) {
    printf("Statistics not enabled (compiled with TEALET_WITH_STATS=0)\n");
    tealet_finalize(main_tealet);
    return 0;
  }

  printf("bytes for each of %d paused tealets, by how many calls deep they pause\n\n", COUNT);
  printf("%6s %16s %16s %16s %12s\n", "depth", "saved stack", "all memory", "fixed, reserved",
         "smaller by");
  for (depth = 0; depth <= 64; depth = depth == 0 ? 1 : depth * 4) {
    if (measure(main_tealet, depth) != 0) return 1;
  }

  tealet_get_stats(main_tealet, &stats);
  printf("\n%lu tealets in total, %lu allocations, peak %lu bytes; now %lu tealet and %lu bytes\n",
         (unsigned long)stats.n_total, (unsigned long)stats.blocks_allocated_total,
         (unsigned long)stats.bytes_allocated_peak, (unsigned long)stats.n_active,
         (unsigned long)stats.bytes_allocated);
  tealet_finalize(main_tealet);
  return 0;
}
