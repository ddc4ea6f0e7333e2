/* The twelve figures, computed by hand. */
#include <string.h>

#include "support.h"

/* Sizes of headers and nodes: see docs/statistics.md and docs/c-api.md. */
#define NODE_BYTES 96
#define STACK_BYTES 40
#define CHUNK_BYTES 16

static upstream_t upstream;
static tealet_t* main_tealet;
static tealet_stats_t at_first;

static void begin(size_t extra) {
  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, extra);
  at_first = stats_of(main_tealet);
  CHECK(figures_hold(main_tealet, &upstream));
}

static void finish(void) {
  const tealet_stats_t stats = stats_of(main_tealet);

  CHECK(figures_hold(main_tealet, &upstream));
  CHECK(same_now(&at_first, &stats));
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0 && upstream.bytes == 0);
}

/* The difference to the first snapshot: tealets, their memory, and saved stacks. */
static void expect(size_t tealets, size_t bytes, size_t blocks, size_t stacks, size_t chunks,
                   size_t saved, size_t expanded, size_t naive) {
  const tealet_stats_t stats = stats_of(main_tealet);

  CHECK(figures_hold(main_tealet, &upstream));
  if (!counting(main_tealet)) return;
  CHECK(stats.n_active == 1 + tealets);
  CHECK(stats.bytes_allocated == at_first.bytes_allocated + bytes);
  CHECK(stats.blocks_allocated == at_first.blocks_allocated + blocks);
  CHECK(stats.stack_count == stacks);
  CHECK(stats.stack_chunk_count == chunks);
  CHECK(stats.stack_bytes == saved);
  CHECK(stats.stack_bytes_expanded == expanded);
  CHECK(stats.stack_bytes_naive == naive);
}

static size_t depth_of(void* far, void* near) { return (size_t)tealet_stack_diff(far, near); }

static void test_main_alone(void) {
  begin(0);
  expect(0, 0, 0, 0, 0, 0, 0, 0);
  if (counting(main_tealet)) {
    CHECK(at_first.n_active == 1 && at_first.n_total == 1);
    CHECK(at_first.blocks_allocated == 2 && at_first.blocks_allocated_total == 2);
    CHECK(at_first.bytes_allocated_peak == at_first.bytes_allocated);
    CHECK(at_first.bytes_allocated == upstream.bytes && upstream.bytes > NODE_BYTES);
  }
  finish();
}

static void test_new_tealets(void) {
  tealet_t* t;

  begin(0);
  t = tealet_new(main_tealet);
  expect(1, NODE_BYTES, 1, 0, 0, 0, 0, 0);
  tealet_delete(tealet_duplicate(t));
  expect(1, NODE_BYTES, 1, 0, 0, 0, 0, 0);
  if (counting(main_tealet)) CHECK(stats_of(t).n_total == 3);
  tealet_delete(t);
  finish();

  begin(20); /* in steps of 8 */
  t = tealet_new(main_tealet);
  expect(1, NODE_BYTES + 24, 1, 0, 0, 0, 0, 0);
  tealet_delete(t);
  finish();
}

static void test_paused_and_duplicated(void) {
  tealet_t* t;
  tealet_t* twin;
  size_t size;

  begin(0);
  t = paused_echo(main_tealet);
  size = tealet_get_stacksize(t);
  expect(1, NODE_BYTES + STACK_BYTES + size, 2, 1, 1, size, size, size);
  twin = tealet_duplicate(t);
  tealet_duplicate(t);
  expect(3, 3 * NODE_BYTES + STACK_BYTES + size, 4, 1, 1, size, 3 * size, 3 * size);
  tealet_delete(t);
  expect(2, 2 * NODE_BYTES + STACK_BYTES + size, 3, 1, 1, size, 2 * size, 2 * size);
  CHECK(tealet_switch(twin, NULL, TEALET_XFER_DEFAULT) == 0); /* and has a stack of its own then */
  expect(2, 2 * NODE_BYTES + 2 * STACK_BYTES + 2 * size, 4, 2, 2, 2 * size, 2 * size, 2 * size);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

static void test_ended_until_deleted(void) {
  tealet_t* t;
  tealet_t* twin;

  begin(0);
  t = tealet_new(main_tealet);
  tealet_run(t, end_at_once, NULL, NULL, TEALET_START_SWITCH);
  expect(1, NODE_BYTES, 1, 0, 0, 0, 0, 0);
  twin = tealet_duplicate(t);
  expect(2, 2 * NODE_BYTES, 2, 0, 0, 0, 0, 0);
  tealet_delete(t);
  tealet_delete(twin);
  if (counting(main_tealet)) CHECK(stats_of(main_tealet).n_total == 3);
  finish();
}

/* --- what is in place ------------------------------------------------------------------------- */

static tealet_t* lower;
static tealet_t* upper;

static tealet_t* looks_from_the_top(tealet_t* current, void* arg) {
  const size_t in_place = depth_of(tealet_get_far(lower), tealet_get_far(current));

  (void)arg;
  /* `lower` is paused with all its bytes in place: it has a header, no stack data. Main's header
   * is part of the domain. */
  expect(2, 2 * NODE_BYTES + STACK_BYTES, 3, 0, 0, 0, 0, in_place);
  CHECK(tealet_get_stacksize(lower) == 0);
  CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0);
  return current->main;
}

static tealet_t* starts_one_on_top(tealet_t* current, void* arg) {
  (void)arg;
  lower = current;
  upper = tealet_new(current);
  expect(2, 2 * NODE_BYTES, 2, 0, 0, 0, 0, 0); /* main is in place, with no far end */
  CHECK(tealet_run(upper, looks_from_the_top, NULL, NULL, TEALET_START_SWITCH) == 0);
  return current->main;
}

static void test_in_place(void) {
  tealet_t* t;
  size_t of_lower;
  size_t of_upper;

  begin(0);
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, starts_one_on_top, NULL, NULL, TEALET_START_SWITCH) == 0);
  of_lower = tealet_get_stacksize(lower);
  of_upper = tealet_get_stacksize(upper);
  CHECK(of_lower == depth_of(tealet_get_far(lower), tealet_get_far(upper)));
  /* What `lower` had in place is a further chunk now; there was nothing in its first one. */
  expect(2, 2 * NODE_BYTES + 2 * STACK_BYTES + CHUNK_BYTES + of_lower + of_upper, 5, 2, 2,
         of_lower + of_upper, of_lower + of_upper, of_lower + of_upper);
  tealet_delete(lower);
  expect(1, NODE_BYTES + STACK_BYTES + of_upper, 2, 1, 1, of_upper, of_upper, of_upper);
  tealet_delete(upper);
  finish();
}

/* --- a stack in two chunks -------------------------------------------------------------------- */

static tealet_t* deep; /* runs where `tall` has the middle of its stack */
static tealet_t* tall;
static tealet_t* twin_of_tall;
static size_t mains_part; /* of main's stack on the heap, as far as `tall` needs the place */

static tealet_t* looks_from_the_middle(tealet_t* current, void* arg) {
  size_t part;
  size_t whole;
  size_t mains; /* stacks of main, that has none in a block of its own without a saved byte */

  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  /* `tall` is saved up to this one's far end, and in place from there. */
  part = tealet_get_stacksize(tall);
  CHECK(part > 0);
  mains_part = tealet_get_stacksize(current->main);
  twin_of_tall = tealet_duplicate(tall);
  whole = part + depth_of(tealet_get_far(tall), tealet_get_far(current));
  mains = mains_part != 0;
  expect(3, 3 * NODE_BYTES + (1 + mains) * STACK_BYTES + part + mains_part, 4 + mains, 1 + mains,
         1 + mains, part + mains_part, 2 * part + mains_part, 2 * whole + mains_part);
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  return current->main;
}

static void switch_from_deep_down(void* arg) {
  CHECK(tealet_switch((tealet_t*)arg, NULL, TEALET_XFER_DEFAULT) == 0);
}

static tealet_t* be_tall(tealet_t* current, void* arg) {
  (void)arg;
  at_depth(12, switch_from_deep_down, deep);
  return current->main;
}

static void begin_deep(void* arg) {
  deep = tealet_new(main_tealet);
  CHECK(tealet_run(deep, looks_from_the_middle, &arg, NULL, TEALET_START_SWITCH) == 0);
}

static void test_two_chunks(void) {
  size_t of_tall;
  size_t of_deep;

  begin(0);
  at_depth(5, begin_deep, NULL);
  tall = tealet_new(main_tealet);
  CHECK(tealet_run(tall, be_tall, NULL, NULL, TEALET_START_SWITCH) == 0);
  of_tall = tealet_get_stacksize(tall);
  of_deep = tealet_get_stacksize(deep);
  expect(3, 3 * NODE_BYTES + 2 * STACK_BYTES + CHUNK_BYTES + of_tall + of_deep, 6, 2, 3,
         of_tall + of_deep, 2 * of_tall + of_deep, 2 * of_tall + of_deep);
  CHECK(tealet_get_stacksize(twin_of_tall) == of_tall);
  tealet_delete(twin_of_tall);
  tealet_delete(tall);
  CHECK(tealet_switch(deep, NULL, TEALET_XFER_DEFAULT) == 0);
  tealet_delete(deep);
  finish();
}

/* --- main ------------------------------------------------------------------------------------- */

static tealet_t* looks_at_main(tealet_t* current, void* arg) {
  const size_t part = tealet_get_stacksize(current->main);

  /* The furthest byte saved stands for its far end. */
  CHECK(part > 0);
  expect(1, NODE_BYTES + STACK_BYTES + part, 2, 1, 1, part, part, part);
  tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
  return current->main;
}

static void begin_captured(void* arg) {
  lower = tealet_new(main_tealet);
  CHECK(tealet_run(lower, looks_at_main, NULL, arg, TEALET_START_DEFAULT) == 0);
}

static void test_main_is_saved_in_part(void) {
  begin(0);
  begin_captured(NULL);
  at_depth(10, switch_from_deep_down, lower);
  tealet_delete(lower);
  finish();
}

static tealet_t* looks_at_bounded_main(tealet_t* current, void* arg) {
  const size_t part = tealet_get_stacksize(current->main);
  const size_t whole = depth_of(tealet_get_far(current->main), tealet_get_far(current)) + part;
  const size_t stacks = part != 0;

  (void)arg;
  expect(1, NODE_BYTES + stacks * STACK_BYTES + part, 1 + stacks, stacks, stacks, part, part,
         whole);
  return current->main;
}

static void test_main_with_a_far_end(void* far) {
  tealet_t* t;

  begin(0);
  CHECK(tealet_set_far(main_tealet, far) == 0);
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, looks_at_bounded_main, NULL, NULL, TEALET_START_SWITCH) == 0);
  tealet_delete(t);
  finish();
}

static void test_a_fork(void* far) {
  tealet_t* copy;
  size_t size;

  begin(0);
  CHECK(tealet_set_far(main_tealet, far) == 0);
  copy = tealet_new(main_tealet);
  CHECK(tealet_fork(copy, NULL, TEALET_START_DEFAULT) == 0);
  size = tealet_get_stacksize(copy);
  CHECK(size > 0 && size < 4096);
  expect(1, NODE_BYTES + STACK_BYTES + size, 2, 1, 1, size, size, size);
  tealet_delete(copy);
  finish();
}

/* --- peaks and totals ------------------------------------------------------------------------- */

/* [stats-peaks] */
static void test_peaks(void) {
  tealet_t* several[5];
  tealet_stats_t stats;
  tealet_stats_t again;
  int i;

  begin(0);
  for (i = 0; i < 5; ++i) several[i] = tealet_new(main_tealet);
  for (i = 0; i < 5; ++i) tealet_delete(several[i]);
  if (counting(main_tealet)) {
    stats = stats_of(main_tealet);
    CHECK(stats.bytes_allocated_peak == at_first.bytes_allocated + 5 * NODE_BYTES);
    CHECK(stats.blocks_allocated_peak == at_first.blocks_allocated + 5);
    CHECK(stats.blocks_allocated_total == 7 && stats.n_total == 6);
    CHECK(stats.bytes_allocated == at_first.bytes_allocated);
    tealet_reset_peak_stats(main_tealet);
    again = stats_of(main_tealet);
    CHECK(again.bytes_allocated_peak == again.bytes_allocated);
    CHECK(again.blocks_allocated_peak == again.blocks_allocated);
    CHECK(again.blocks_allocated_total == 7 && again.n_total == 6);
    tealet_delete(tealet_new(main_tealet));
    stats = stats_of(main_tealet);
    CHECK(stats.bytes_allocated_peak == at_first.bytes_allocated + NODE_BYTES);
    CHECK(stats.blocks_allocated_peak == at_first.blocks_allocated + 1);
  }
  tealet_reset_peak_stats(main_tealet);
  finish();
}

static void test_named_by_any_tealet(void) {
  tealet_t* t;
  tealet_stats_t one;
  tealet_stats_t other;

  begin(0);
  t = paused_echo(main_tealet);
  one = stats_of(main_tealet);
  other = stats_of(t);
  CHECK(memcmp(&one, &other, sizeof one) == 0);
  CHECK(counting(t) == EXPECT_STATISTICS);
  tealet_delete(t);
  finish();
}

int main(void) {
  long far[2];

  far[1] = 0;
  test_main_alone();
  test_new_tealets();
  test_paused_and_duplicated();
  test_ended_until_deleted();
  test_in_place();
  test_two_chunks();
  test_main_is_saved_in_part();
  test_main_with_a_far_end(&far[1]);
  test_a_fork(&far[1]);
  test_peaks();
  test_named_by_any_tealet();
  return checks_done();
}
