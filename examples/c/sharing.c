/* What duplicates cost: all duplicates of a stub share one saved stack until they run. */
#include <tealet/tealet.h>
#include <tealet/tealet_extras.h>

#include <stdio.h>

#define MOST 1000

static tealet_t* run(tealet_t* current, void* arg) {
  tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
  return current->main;
}

static int deep_stub(tealet_t* main_tealet, tealet_t** stub, int depth, void* far);
/* Through a volatile pointer, so that the compiler cannot inline the calls. */
static int (*volatile deeper)(tealet_t* main_tealet, tealet_t** stub, int depth,
                              void* far) = deep_stub;

/* Captures a stub `depth` calls down, with the frames of all these calls on its stack. */
static int deep_stub(tealet_t* main_tealet, tealet_t** stub, int depth, void* far) {
  volatile char frame[128];
  int result;

  frame[0] = 0;
  if (depth == 0) return tealet_stub_new(main_tealet, stub, far);
  result = deeper(main_tealet, stub, depth - 1, far);
  return result + frame[0];
}

static void print_line(tealet_t* main_tealet, const char* what) {
  tealet_stats_t stats;

  tealet_get_stats(main_tealet, &stats);
  printf("%-28s %8lu %8lu %12lu %12lu %12lu", what, (unsigned long)stats.n_active,
         (unsigned long)stats.stack_count, (unsigned long)stats.stack_bytes,
         (unsigned long)stats.stack_bytes_expanded, (unsigned long)stats.stack_bytes_naive);
  if (stats.stack_bytes != 0) {
    printf(" %9.1fx", (double)stats.stack_bytes_expanded / (double)stats.stack_bytes);
  }
  printf("\n");
}

int main(void) {
  tealet_alloc_t alloc = TEALET_ALLOC_INIT_MALLOC;
  static tealet_t* copies[MOST];
  tealet_t* main_tealet;
  tealet_t* stub;
  tealet_stats_t stats;
  void* far = NULL; /* its address is the stub's far end: all nearer frames are on its stack */
  int i;

  main_tealet = tealet_initialize(&alloc, 0);
  if (main_tealet == NULL) return 1;
  tealet_get_stats(main_tealet, &stats);
  if (stats.blocks_allocated == 0) {
    printf("Statistics not enabled (compiled with TEALET_WITH_STATS=0)\n");
    tealet_finalize(main_tealet);
    return 0;
  }

  printf("%-28s %8s %8s %12s %12s %12s %10s\n", "", "tealets", "stacks", "actual", "expanded",
         "naive", "sharing");
  print_line(main_tealet, "main alone");
  if (deeper(main_tealet, &stub, 20, (void*)&far) != 0) return 1;
  print_line(main_tealet, "a stub 20 calls deep");
  for (i = 0; i < MOST; ++i) {
    copies[i] = tealet_duplicate(stub);
    if (copies[i] == NULL) return 1;
    if (i == 9) print_line(main_tealet, "10 duplicates of it");
  }
  print_line(main_tealet, "1000 duplicates of it");

  for (i = 0; i < 10; ++i) {
    if (tealet_stub_run(copies[i], run, NULL) != 0) return 1;
  }
  print_line(main_tealet, "10 of them have run");
  for (i = 0; i < 10; ++i) tealet_switch(copies[i], NULL, TEALET_XFER_DEFAULT);
  for (i = 0; i < MOST; ++i) tealet_delete(copies[i]);
  tealet_delete(stub);
  print_line(main_tealet, "all deleted");
  tealet_finalize(main_tealet);
  return 0;
}
