/* Prints what the tealets of a domain cost: copy print_memory_report() into your own program.
 *
 * main() pauses ten tealets at different depths, duplicates a stub nine times, and prints the
 * report.
 */
#include <tealet/tealet.h>
#include <tealet/tealet_extras.h>

#include <stdio.h>

#define COUNT 10

static unsigned long number(size_t value) { return (unsigned long)value; }

static void print_ratios(const tealet_stats_t* stats) {
  double bytes = (double)stats->stack_bytes;
  double expanded = (double)stats->stack_bytes_expanded;
  double naive = (double)stats->stack_bytes_naive;

  printf("  Sharing ratio:          %.1fx\n", expanded / bytes);
  if (naive > bytes) {
    printf("  Memory savings vs naive: %.1fx\n", naive / bytes);
  } else {
    printf("  Memory overhead vs naive: %.1f%%\n", 100.0 * bytes / naive - 100.0);
  }
}

static void print_memory_report(tealet_t* tealet) {
  tealet_stats_t stats;

  tealet_get_stats(tealet, &stats);
  if (stats.blocks_allocated == 0) {
    printf("Statistics not enabled (compiled with TEALET_WITH_STATS=0)\n");
    return;
  }
  printf("Tealets\n");
  printf("  Active:                 %lu\n", number(stats.n_active));
  printf("  Created in total:       %lu\n", number(stats.n_total));
  printf("Memory\n");
  printf("  Current:                %lu bytes in %lu blocks\n", number(stats.bytes_allocated),
         number(stats.blocks_allocated));
  printf("  Peak:                   %lu bytes, %lu blocks\n", number(stats.bytes_allocated_peak),
         number(stats.blocks_allocated_peak));
  printf("  Allocations in total:   %lu\n", number(stats.blocks_allocated_total));
  printf("Stacks\n");
  printf("  Saved:                  %lu in %lu chunks\n", number(stats.stack_count),
         number(stats.stack_chunk_count));
  printf("  Actual:                 %lu bytes\n", number(stats.stack_bytes));
  printf("  Expanded (not shared):  %lu bytes\n", number(stats.stack_bytes_expanded));
  printf("  Naive (not sliced):     %lu bytes\n", number(stats.stack_bytes_naive));
  if (stats.stack_bytes != 0) print_ratios(&stats);
}

static int descend(tealet_t* current, int depth);
/* Through a volatile pointer, so that the compiler cannot inline the calls. */
static int (*volatile deeper)(tealet_t* current, int depth) = descend;

/* Pauses `depth` calls down. */
static int descend(tealet_t* current, int depth) {
  volatile char frame[256];

  frame[0] = (char)depth;
  if (depth == 0) {
    tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT);
    return frame[0];
  }
  return deeper(current, depth - 1) + frame[0];
}

static tealet_t* run(tealet_t* current, void* arg) {
  deeper(current, *(int*)arg);
  return current->main;
}

int main(void) {
  tealet_alloc_t alloc = TEALET_ALLOC_INIT_MALLOC;
  static int depths[COUNT];
  tealet_t* tealets[COUNT];
  tealet_t* copies[COUNT];
  tealet_t* main_tealet;
  void* arg;
  int i;

  main_tealet = tealet_initialize(&alloc, 0);
  if (main_tealet == NULL) return 1;
  for (i = 0; i < COUNT; ++i) {
    depths[i] = i;
    arg = &depths[i];
    if (tealet_spawn(main_tealet, &tealets[i], run, &arg, NULL, TEALET_START_SWITCH) != 0) return 1;
  }
  if (tealet_stub_new(main_tealet, &copies[0], NULL) != 0) return 1;
  for (i = 1; i < COUNT; ++i) {
    copies[i] = tealet_duplicate(copies[0]);
    if (copies[i] == NULL) return 1;
  }
  print_memory_report(main_tealet);

  for (i = 0; i < COUNT; ++i) {
    tealet_switch(tealets[i], NULL, TEALET_XFER_DEFAULT);
    tealet_delete(tealets[i]);
    tealet_delete(copies[i]);
  }
  tealet_finalize(main_tealet);
  return 0;
}
