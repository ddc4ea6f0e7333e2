/* tealet_extras.h: the allocator that counts, tealet_spawn() and stubs. */
#include <tealet/tealet_extras.h>

#include <stdint.h>
#include <string.h>

#include "support.h"

static upstream_t upstream;
static tealet_statsalloc_t counted;
static tealet_t* main_tealet;

static void test_statsalloc(void) {
  void* one;
  void* two;

  upstream_init(&upstream);
  counted.n_allocs = counted.s_allocs = 7;
  tealet_statsalloc_init(&counted, &upstream.alloc);
  CHECK(counted.base == &upstream.alloc && counted.n_allocs == 0 && counted.s_allocs == 0);
  one = TEALET_ALLOC_MALLOC(&counted.alloc, 100);
  two = TEALET_ALLOC_MALLOC(&counted.alloc, 1);
  memset(one, 1, 100);
  CHECK((uintptr_t)one % 16 == 0 && (uintptr_t)two % 16 == 0);
  CHECK(counted.n_allocs == 2 && counted.s_allocs == 101 && upstream.blocks == 2);
  TEALET_ALLOC_FREE(&counted.alloc, one);
  CHECK(counted.n_allocs == 1 && counted.s_allocs == 1);
  upstream.left = 0;
  CHECK(TEALET_ALLOC_MALLOC(&counted.alloc, 100) == NULL);
  upstream.left = -1;
  CHECK(TEALET_ALLOC_MALLOC(&counted.alloc, (size_t)-1) == NULL);
  TEALET_ALLOC_FREE(&counted.alloc, NULL);
  CHECK(counted.n_allocs == 1 && counted.s_allocs == 1);
  TEALET_ALLOC_FREE(&counted.alloc, two);
  CHECK(counted.n_allocs == 0 && counted.s_allocs == 0 && upstream.blocks == 0);
}

static void begin(void) {
  upstream_init(&upstream);
  tealet_statsalloc_init(&counted, &upstream.alloc);
  main_tealet = tealet_initialize(&counted.alloc, 8);
}

static int counts_agree(void) {
  const tealet_stats_t stats = stats_of(main_tealet);

  return counted.n_allocs == upstream.blocks &&
         (stats.blocks_allocated == 0 || (stats.blocks_allocated == counted.n_allocs &&
                                          stats.bytes_allocated == counted.s_allocs));
}

static void finish(void) {
  CHECK(counts_agree());
  tealet_finalize(main_tealet);
  CHECK(counted.n_allocs == 0 && counted.s_allocs == 0 && upstream.blocks == 0);
}

/* --- spawn ------------------------------------------------------------------------------------ */

static tealet_t* created;
static int was_set;

static tealet_t* sees_itself(tealet_t* current, void* arg) {
  was_set = created == current;
  tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
  return current->main;
}

static tealet_t* panics_main(tealet_t* current, void* arg) {
  tealet_exit(current->main, arg, TEALET_XFER_PANIC);
  return NULL;
}

static void test_spawn(void) {
  void* arg = token(1);
  char here = 0;

  begin();
  created = NULL;
  CHECK(tealet_spawn(main_tealet, &created, sees_itself, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(created != NULL && was_set && arg == token(1));
  CHECK(tealet_status(created) == TEALET_STATUS_ACTIVE);
  tealet_delete(created);
  CHECK(tealet_spawn(main_tealet, &created, sees_itself, &arg, &here, TEALET_START_DEFAULT) == 0);
  CHECK(tealet_get_far(created) == &here);
  arg = token(2);
  was_set = 0;
  CHECK(tealet_switch(created, &arg, TEALET_XFER_DEFAULT) == 0 && was_set && arg == token(2));
  tealet_delete(created);
  CHECK(tealet_spawn(main_tealet, &created, panics_main, &arg, NULL, TEALET_START_SWITCH) ==
        TEALET_ERR_PANIC);
  CHECK(tealet_status(created) == TEALET_STATUS_EXITED);
  tealet_delete(created);
  finish();
}

static void spawn_fails(int expected, tealet_run_t run, int flags, long left) {
  const tealet_stats_t before = stats_of(main_tealet);
  tealet_stats_t after;
  int result;

  created = main_tealet;
  upstream.left = left;
  result = tealet_spawn(main_tealet, &created, run, NULL, NULL, flags);
  upstream.left = -1;
  CHECK(result == expected && created == NULL);
  after = stats_of(main_tealet);
  CHECK(same_now(&before, &after));
}

static void test_spawn_fails(void) {
  begin();
  spawn_fails(TEALET_ERR_INVAL, NULL, TEALET_START_SWITCH, -1);
  spawn_fails(TEALET_ERR_INVAL, echo, 2, -1);
  spawn_fails(TEALET_ERR_MEM, echo, TEALET_START_SWITCH, 0);
  spawn_fails(TEALET_ERR_MEM, echo, TEALET_START_DEFAULT, 0);
  spawn_fails(TEALET_ERR_MEM, echo, TEALET_START_DEFAULT, 1);
  finish();
}

/* --- stubs ------------------------------------------------------------------------------------ */

static tealet_t* stub;
static void* stub_far;

static void make_stub(void* arg) {
  CHECK(tealet_stub_new(main_tealet, &stub, arg) == 0);
  CHECK(tealet_status(stub) == TEALET_STATUS_ACTIVE);
  stub_far = tealet_get_far(stub);
}

static void run_stub(void* arg) {
  void* value = token(7);

  CHECK(tealet_stub_run((tealet_t*)arg, echo, &value) == 0);
  CHECK(value == token(8) && tealet_previous(main_tealet) == arg);
  CHECK(tealet_get_far((tealet_t*)arg) == stub_far);
}

static void test_stub(void) {
  tealet_t* twin;
  tealet_t* third;
  void* arg = token(1);
  tealet_t* previous;

  begin();
  previous = tealet_previous(main_tealet);
  at_depth(4, make_stub, NULL);
  CHECK(tealet_previous(main_tealet) == previous);
  *TEALET_EXTRA(stub, char) = 'x';
  twin = tealet_duplicate(stub);
  third = tealet_duplicate(stub);
  CHECK(*TEALET_EXTRA(third, char) == 'x');
  CHECK(counts_agree());
  /* It has no function yet. */
  CHECK(tealet_switch(stub, &arg, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(stub, &arg, TEALET_XFER_NOFAIL) == TEALET_ERR_INVAL);
  CHECK(tealet_run(stub, echo, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_fork(stub, &arg, TEALET_START_SWITCH) == TEALET_ERR_INVAL);

  at_depth(9, run_stub, stub);
  at_depth(0, run_stub, twin);
  CHECK(tealet_stub_run(stub, echo, NULL) == TEALET_ERR_INVAL); /* it has its function */
  CHECK(tealet_switch(stub, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(2));
  CHECK(tealet_stub_run(third, NULL, NULL) == TEALET_ERR_INVAL);
  CHECK(tealet_stub_run(third, end_at_once, NULL) == 0);
  CHECK(tealet_status(third) == TEALET_STATUS_EXITED);
  CHECK(tealet_stub_run(third, end_at_once, NULL) == TEALET_ERR_INVAL);
  tealet_delete(stub);
  tealet_delete(twin);
  tealet_delete(third);
  finish();
}

/* [c-stub] */
static void test_what_is_no_stub(void) {
  tealet_t* fresh;
  tealet_t* later;

  begin();
  fresh = tealet_new(main_tealet);
  later = tealet_new(main_tealet);
  tealet_run(later, end_at_once, NULL, NULL, TEALET_START_DEFAULT);
  CHECK(tealet_stub_run(fresh, echo, NULL) == TEALET_ERR_INVAL);
  CHECK(tealet_stub_run(later, echo, NULL) == TEALET_ERR_INVAL);
  CHECK(tealet_stub_run(main_tealet, echo, NULL) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(later, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(later) == TEALET_STATUS_EXITED);
  tealet_delete(fresh);
  tealet_delete(later);
  finish();
}

static void test_a_paused_fork_of_main_is_no_stub(void* far) {
  tealet_t* copy;
  void* arg = NULL;

  begin();
  CHECK(tealet_set_far(main_tealet, far) == 0);
  copy = tealet_new(main_tealet);
  CHECK(tealet_fork(copy, &arg, TEALET_START_DEFAULT) == 0);
  if (arg != NULL) tealet_exit(main_tealet, NULL, TEALET_XFER_DEFAULT);
  arg = token(1);
  CHECK(tealet_stub_run(copy, echo, &arg) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(copy, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(copy) == TEALET_STATUS_EXITED);
  tealet_delete(copy);
  finish();
}

static tealet_t* ends_into_a_stub(tealet_t* current, void* arg) {
  (void)current;
  CHECK(tealet_exit((tealet_t*)arg, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  return (tealet_t*)arg;
}

static void test_a_stub_is_no_target(void) {
  tealet_t* t;
  void* arg;

  begin();
  make_stub(NULL);
  arg = stub;
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, ends_into_a_stub, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  run_stub(stub);
  tealet_delete(t);
  tealet_delete(stub);
  finish();
}

static void test_stub_with_a_far_end(void) {
  char mine[200];

  begin();
  memset(mine, 1, sizeof mine);
  make_stub(&mine[101]);
  CHECK(stub_far == &mine[101]);
  memset(mine, 2, sizeof mine);
  run_stub(stub);
  CHECK(mine[100] == 2 && mine[101] == 2);
  tealet_delete(stub);
  finish();
}

/* With more below main than when the stub was made. */
static void run_in_vain(void* arg) {
  (void)arg;
  upstream.left = 0;
  CHECK(tealet_stub_run(stub, echo, NULL) == TEALET_ERR_MEM);
  upstream.left = -1;
}

static void test_stubs_fail(void) {
  long left;
  tealet_stats_t before;
  tealet_stats_t after;

  begin();
  before = stats_of(main_tealet);
  for (left = 0; left < 2; ++left) {
    stub = main_tealet;
    upstream.left = left;
    CHECK(tealet_stub_new(main_tealet, &stub, NULL) == TEALET_ERR_MEM);
    CHECK(stub == NULL);
  }
  upstream.left = -1;
  after = stats_of(main_tealet);
  CHECK(same_now(&before, &after));

  make_stub(NULL);
  at_depth(5, run_in_vain, NULL);
  CHECK(tealet_switch(stub, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL); /* still a stub */
  run_stub(stub);
  tealet_delete(stub);
  finish();
}

int main(void) {
  long far[2];

  far[1] = 0;
  test_statsalloc();
  test_spawn();
  test_spawn_fails();
  test_stub();
  test_what_is_no_stub();
  test_a_paused_fork_of_main_is_no_stub(&far[1]);
  test_a_stub_is_no_target();
  test_stub_with_a_far_end();
  test_stubs_fail();
  return checks_done();
}
