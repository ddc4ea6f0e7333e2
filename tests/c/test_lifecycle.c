/* Creation and destruction of domains and tealets, and queries. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static upstream_t upstream;

static void test_without_an_allocator(void) {
  tealet_t* main_tealet = tealet_initialize(NULL, 0);
  void* block = tealet_alloc_malloc(10, token(1)); /* the context is not looked at */

  CHECK(main_tealet != NULL);
  CHECK(main_tealet->extra == NULL);
  CHECK(TEALET_MAIN(main_tealet) == main_tealet);
  tealet_finalize(main_tealet);
  CHECK(block != NULL);
  tealet_alloc_free(block, token(1));
}

static void test_the_allocator_is_copied(void) {
  tealet_alloc_t alloc;
  tealet_t* main_tealet;
  tealet_t* t;

  upstream_init(&upstream);
  alloc = upstream.alloc;
  main_tealet = tealet_initialize(&alloc, 0);
  memset(&alloc, 0, sizeof alloc);
  t = tealet_new(main_tealet);
  CHECK(t != NULL && upstream.blocks == 3);
  tealet_delete(t);
  CHECK(upstream.blocks == 2);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0 && upstream.bytes == 0);
}

static void test_initialize_runs_dry(void) {
  long n;

  for (n = 0; n < 2; ++n) {
    upstream_init(&upstream);
    upstream.left = n;
    CHECK(tealet_initialize(&upstream.alloc, 8) == NULL);
    CHECK(upstream.blocks == 0 && upstream.failures == 1);
  }
  upstream_init(&upstream);
  CHECK(tealet_initialize(&upstream.alloc, (size_t)-1) == NULL);
  CHECK(tealet_initialize(&upstream.alloc, (size_t)-1 / 2) == NULL);
  CHECK(upstream.total == 0);
}

static void test_extra_bytes(void) {
  static const unsigned char zero[40] = {0};
  tealet_t* main_tealet;
  tealet_t* t;
  tealet_t* twin;

  upstream_init(&upstream); /* which fills blocks with rubbish */
  main_tealet = tealet_initialize(&upstream.alloc, sizeof zero);
  t = tealet_new(main_tealet);
  CHECK(memcmp(main_tealet->extra, zero, sizeof zero) == 0);
  CHECK(memcmp(t->extra, zero, sizeof zero) == 0);
  CHECK((uintptr_t)main_tealet->extra % 16 == 0 && (uintptr_t)t->extra % 16 == 0);
  CHECK(TEALET_EXTRA(t, unsigned char) == t->extra);

  memset(main_tealet->extra, 1, sizeof zero);
  memset(t->extra, 2, sizeof zero);
  twin = tealet_duplicate(t);
  CHECK(twin->extra != t->extra && memcmp(twin->extra, t->extra, sizeof zero) == 0);
  memset(twin->extra, 3, sizeof zero);
  CHECK(TEALET_EXTRA(t, unsigned char)[39] == 2);
  CHECK(TEALET_EXTRA(main_tealet, unsigned char)[39] == 1);
  tealet_delete(t);
  CHECK(TEALET_EXTRA(twin, unsigned char)[39] == 3);
  tealet_finalize(main_tealet);
}

static void test_user_pointer(void) {
  tealet_t* main_tealet = tealet_initialize(NULL, 0);
  tealet_t* other = tealet_initialize(NULL, 0);
  tealet_t* t = tealet_new(main_tealet);

  CHECK(*tealet_main_userpointer(t) == NULL);
  *tealet_main_userpointer(t) = token(7);
  CHECK(*tealet_main_userpointer(main_tealet) == token(7));
  CHECK(*tealet_main_userpointer(other) == NULL);
  tealet_finalize(other);
  tealet_finalize(main_tealet);
}

static tealet_t* looks_at_itself(tealet_t* current, void* arg) {
  tealet_t* other = (tealet_t*)arg;

  CHECK(tealet_status(current) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_current(other) == current && tealet_previous(other) == current->main);
  CHECK(!TEALET_CURRENT_IS_MAIN(current));
  CHECK(tealet_status(current->main) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_switch(other, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_current(other) == current && tealet_previous(other) == other);
  return current->main;
}

static tealet_t* goes_back(tealet_t* current, void* arg) {
  (void)arg;
  CHECK(tealet_current(current) == current);
  return tealet_previous(current);
}

static void test_queries(void) {
  tealet_t* main_tealet = tealet_initialize(NULL, 0);
  tealet_t* t = tealet_new(main_tealet);
  tealet_t* other = tealet_new(main_tealet);
  void* arg = other;

  CHECK(t->main == main_tealet && TEALET_IS_MAIN(main_tealet) && !TEALET_IS_MAIN(t));
  CHECK(TEALET_RELATED(t, other) && TEALET_CURRENT_IS_MAIN(t));
  CHECK(tealet_current(t) == main_tealet && tealet_previous(t) == NULL);
  CHECK(tealet_status(main_tealet) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_status(t) == TEALET_STATUS_NEW);

  CHECK(tealet_run(other, goes_back, NULL, NULL, TEALET_START_DEFAULT) == 0);
  CHECK(tealet_status(other) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_previous(main_tealet) == NULL);
  CHECK(tealet_run(t, looks_at_itself, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  CHECK(tealet_status(other) == TEALET_STATUS_EXITED);
  CHECK(tealet_current(t) == main_tealet && tealet_previous(main_tealet) == t);
  tealet_delete(other);
  CHECK(tealet_previous(main_tealet) == t);
  tealet_delete(t);
  CHECK(tealet_previous(main_tealet) == NULL);
  tealet_finalize(main_tealet);
}

static void test_origin(void) {
  tealet_t* main_tealet = tealet_initialize(NULL, 0);
  tealet_t* t = tealet_new(main_tealet);

  CHECK(tealet_get_origin(main_tealet) == TEALET_ORIGIN_MAIN_LINEAGE);
  CHECK(TEALET_IS_MAIN_LINEAGE(main_tealet) && !TEALET_IS_FORK(main_tealet));
  CHECK(tealet_get_origin(t) == 0);
  CHECK(!TEALET_IS_MAIN_LINEAGE(t) && !TEALET_IS_FORK(t));
  tealet_finalize(main_tealet);
}

static tealet_t* tries_to_vanish(tealet_t* current, void* arg) {
  const tealet_stats_t before = stats_of(current);
  tealet_stats_t after;

  (void)arg;
  tealet_delete(current);
  tealet_delete(current->main);
  CHECK(tealet_duplicate(current) == NULL);
  CHECK(tealet_duplicate(current->main) == NULL);
  after = stats_of(current);
  CHECK(same_now(&before, &after));
  CHECK(tealet_status(current) == TEALET_STATUS_ACTIVE);
  return current->main;
}

/* [c-delete][c-duplicate] */
static void test_delete(void) {
  tealet_t* main_tealet;
  tealet_t* t;
  tealet_stats_t at_first;
  tealet_stats_t stats;

  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 3);
  at_first = stats_of(main_tealet);
  tealet_delete(main_tealet);
  CHECK(tealet_duplicate(main_tealet) == NULL);

  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, tries_to_vanish, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);                        /* ended */
  tealet_delete(paused_echo(main_tealet)); /* paused */
  tealet_delete(tealet_new(main_tealet));  /* new */
  stats = stats_of(main_tealet);
  CHECK(same_now(&at_first, &stats));
  CHECK(upstream.blocks == 2);
  CHECK(figures_hold(main_tealet, &upstream));
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

static void test_duplicate(void) {
  tealet_t* main_tealet = tealet_initialize(NULL, 0);
  tealet_t* fresh = tealet_new(main_tealet);
  tealet_t* ended = tealet_new(main_tealet);
  tealet_t* paused = paused_echo(main_tealet);
  tealet_t* copies[3];
  void* arg = token(5);

  tealet_run(ended, end_at_once, NULL, NULL, TEALET_START_SWITCH);
  copies[0] = tealet_duplicate(fresh);
  copies[1] = tealet_duplicate(ended);
  copies[2] = tealet_duplicate(paused);
  CHECK(tealet_status(copies[0]) == TEALET_STATUS_NEW);
  CHECK(tealet_status(copies[1]) == TEALET_STATUS_EXITED);
  CHECK(tealet_status(copies[2]) == TEALET_STATUS_ACTIVE);
  CHECK(copies[2]->main == main_tealet);
  CHECK(tealet_get_stacksize(copies[2]) == tealet_get_stacksize(paused));
  CHECK(tealet_get_far(copies[2]) == tealet_get_far(paused));
  tealet_delete(paused);
  CHECK(tealet_switch(copies[2], &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(6));
  CHECK(tealet_previous(main_tealet) == copies[2]);
  CHECK(tealet_run(copies[0], end_at_once, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_status(fresh) == TEALET_STATUS_NEW);
  tealet_finalize(main_tealet);
}

static void test_finalize_frees_what_is_left(void) {
  tealet_t* main_tealet;
  tealet_t* t;
  tealet_config_t config = TEALET_CONFIG_INIT;

  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 100);
  tealet_new(main_tealet);
  t = paused_echo(main_tealet);
  tealet_duplicate(t);
  tealet_duplicate(t);
  tealet_run(tealet_new(t), echo, NULL, NULL, TEALET_START_DEFAULT);
  tealet_run(tealet_new(t), end_at_once, NULL, NULL, TEALET_START_SWITCH);
  config.flags = TEALET_CONFIGF_STACK_INTEGRITY | TEALET_CONFIGF_STACK_SNAPSHOT;
  config.stack_integrity_bytes = 64;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
  CHECK(upstream.blocks > 6);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0 && upstream.bytes == 0);
}

static void test_blocks_of_the_programs_own(void) {
  tealet_t* main_tealet;
  tealet_stats_t before;
  tealet_stats_t after;
  void* block;

  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 0);
  before = stats_of(main_tealet);
  block = tealet_malloc(main_tealet, 33);
  CHECK(block != NULL && upstream.blocks == 3);
  after = stats_of(main_tealet);
  CHECK(memcmp(&before, &after, sizeof before) == 0);
  tealet_free(main_tealet, block);
  CHECK(upstream.blocks == 2);
  upstream.left = 0;
  CHECK(tealet_malloc(main_tealet, 33) == NULL);
  CHECK(tealet_new(main_tealet) == NULL);
  tealet_finalize(main_tealet);
}

static void test_version(void) {
  CHECK(TEALET_VERSION_NUMBER ==
        TEALET_VERSION_MAJOR * 10000 + TEALET_VERSION_MINOR * 100 + TEALET_VERSION_PATCH);
  CHECK(strtol(TEALET_VERSION, NULL, 10) == TEALET_VERSION_MAJOR);
}

int main(void) {
  test_without_an_allocator();
  test_the_allocator_is_copied();
  test_initialize_runs_dry();
  test_extra_bytes();
  test_user_pointer();
  test_queries();
  test_origin();
  test_delete();
  test_duplicate();
  test_finalize_frees_what_is_left();
  test_blocks_of_the_programs_own();
  test_version();
  return checks_done();
}
