#include "support.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed = 0;

void check_failed(const char* file, int line, const char* expression) {
  failed += 1;
  printf("%s:%d: CHECK(%s) failed\n", file, line, expression);
  fflush(stdout);
}

int checks_done(void) {
  if (failed != 0) printf("%d checks failed\n", failed);
  return failed != 0;
}

void* token(long value) { return (void*)(intptr_t)value; }
long number(void* value) { return (long)(intptr_t)value; }

/* Before every block lies its size. */
#define HEADER 16

static void* upstream_malloc(size_t size, void* context) {
  upstream_t* upstream = (upstream_t*)context;
  char* block;

  if (upstream->left == 0) {
    upstream->failures += 1;
    return NULL;
  }
  if (upstream->left > 0) upstream->left -= 1;
  block = (char*)malloc(HEADER + size);
  if (block == NULL) return NULL;
  memcpy(block, &size, sizeof size);
  memset(block + HEADER, 0xa5, size);
  upstream->blocks += 1;
  upstream->bytes += size;
  upstream->total += 1;
  return block + HEADER;
}

static void upstream_free(void* ptr, void* context) {
  upstream_t* upstream = (upstream_t*)context;
  char* block = (char*)ptr - HEADER;
  size_t size;

  memcpy(&size, block, sizeof size);
  memset(block + HEADER, 0x5a, size);
  upstream->blocks -= 1;
  upstream->bytes -= size;
  free(block);
}

void upstream_init(upstream_t* upstream) {
  memset(upstream, 0, sizeof *upstream);
  upstream->alloc.malloc_p = upstream_malloc;
  upstream->alloc.free_p = upstream_free;
  upstream->alloc.context = upstream;
  upstream->left = -1;
}

void* away(void* address, ptrdiff_t bytes) { return (char*)address + bytes; }

static unsigned char expected(unsigned int seed, size_t i) {
  return (unsigned char)((seed * 2654435761U + (unsigned int)i * 40503U) >> 7);
}

void pattern_init(pattern_t* pattern, unsigned int seed) {
  size_t i;

  pattern->seed = seed;
  for (i = 0; i < sizeof pattern->bytes; ++i) pattern->bytes[i] = expected(seed, i);
}

int pattern_intact(const pattern_t* pattern) {
  size_t i;

  for (i = 0; i < sizeof pattern->bytes; ++i) {
    if (pattern->bytes[i] != expected(pattern->seed, i)) return 0;
  }
  return 1;
}

void at_depth(int depth, void (*function)(void* arg), void* arg) {
  pattern_t pattern;

  pattern_init(&pattern, (unsigned int)depth);
  if (depth == 0) {
    function(arg);
  } else {
    at_depth(depth - 1, function, arg);
  }
  CHECK(pattern_intact(&pattern));
}

int counting(tealet_t* tealet) { return stats_of(tealet).blocks_allocated > 0; }

tealet_stats_t stats_of(tealet_t* tealet) {
  tealet_stats_t stats;

  memset(&stats, 0xff, sizeof stats);
  tealet_get_stats(tealet, &stats);
  return stats;
}

/* Peaks and totals may differ. */
#define SAME_now(same) (same)
#define SAME_peak(same) 1
#define SAME_total(same) 1

int same_now(const tealet_stats_t* one, const tealet_stats_t* other) {
#define TEALET_C_FIGURE(name, unit, kind, group, label, meaning) \
  SAME_##kind(one->name == other->name) &&
  return
#include <tealet/stats_figures.def>
      1;
}

int figures_hold(tealet_t* tealet, const upstream_t* upstream) {
  const tealet_stats_t stats = stats_of(tealet);

  if (stats.blocks_allocated == 0) {
    tealet_stats_t zero;
    memset(&zero, 0, sizeof zero);
    return memcmp(&zero, &stats, sizeof zero) == 0;
  }
  return stats.bytes_allocated == upstream->bytes && stats.blocks_allocated == upstream->blocks &&
         stats.blocks_allocated_total == upstream->total &&
         stats.bytes_allocated <= stats.bytes_allocated_peak &&
         stats.blocks_allocated <= stats.blocks_allocated_peak &&
         stats.blocks_allocated_peak <= stats.blocks_allocated_total &&
         stats.n_active <= stats.n_total && stats.stack_count <= stats.stack_chunk_count &&
         stats.stack_bytes <= stats.stack_bytes_expanded &&
         stats.stack_bytes_expanded <= stats.stack_bytes_naive;
}

tealet_t* echo(tealet_t* current, void* arg) {
  /* In a duplicate, `current` is the original, which may be gone. */
  tealet_t* const main_tealet = current->main;

  for (;;) {
    arg = token(number(arg) + 1);
    tealet_switch(main_tealet, &arg, TEALET_XFER_DEFAULT);
  }
  return NULL;
}

tealet_t* end_at_once(tealet_t* current, void* arg) {
  (void)arg;
  return current->main;
}

tealet_t* paused_echo(tealet_t* any) {
  tealet_t* tealet = tealet_new(any);

  CHECK(tealet_run(tealet, echo, NULL, NULL, TEALET_START_SWITCH) == 0);
  return tealet;
}

#ifdef WITH_VERIFY
#ifdef __cplusplus
extern "C"
#endif
    void verify_domain(tealet_t* tealet);

void verify(tealet_t* tealet) { verify_domain(tealet); }
#else
void verify(tealet_t* tealet) { (void)tealet; }
#endif
