/* Copies of the running tealet. */
#include "support.h"

static upstream_t upstream;
static tealet_t* main_tealet;

static void begin(void) {
  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, sizeof(long));
}

static void finish(const tealet_stats_t* at_first) {
  const tealet_stats_t stats = stats_of(main_tealet);

  CHECK(same_now(at_first, &stats));
  CHECK(figures_hold(main_tealet, &upstream));
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

static void test_main_without_a_far_end(void) {
  tealet_t* copy;

  begin();
  copy = tealet_new(main_tealet);
  CHECK(tealet_fork(copy, NULL, TEALET_START_DEFAULT) == TEALET_ERR_UNFORKABLE);
  CHECK(tealet_fork(copy, NULL, TEALET_START_SWITCH) == TEALET_ERR_UNFORKABLE);
  CHECK(tealet_status(copy) == TEALET_STATUS_NEW && tealet_get_origin(copy) == 0);
  CHECK(tealet_run(copy, end_at_once, NULL, NULL, TEALET_START_SWITCH) == 0);
  tealet_finalize(main_tealet);
}

static void test_only_into_a_new_tealet(void* far) {
  tealet_t* paused;
  tealet_t* ended;

  begin();
  CHECK(tealet_set_far(main_tealet, far) == 0);
  paused = paused_echo(main_tealet);
  ended = tealet_new(main_tealet);
  tealet_run(ended, end_at_once, NULL, NULL, TEALET_START_SWITCH);
  CHECK(tealet_fork(paused, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_fork(ended, NULL, TEALET_START_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_fork(main_tealet, NULL, TEALET_START_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_get_origin(paused) == 0);
  tealet_finalize(main_tealet);
}

/* --- main ------------------------------------------------------------------------------------- */

/* A copy of main, as its own variables tell: it switches to main, then ends. */
static void be_a_copy(tealet_t* copy, void* arg, volatile long* mine) {
  CHECK(tealet_current(copy) == copy);
  CHECK(tealet_get_origin(copy) == (TEALET_ORIGIN_MAIN_LINEAGE | TEALET_ORIGIN_FORK));
  CHECK(TEALET_IS_FORK(copy) && TEALET_IS_MAIN_LINEAGE(copy));
  CHECK(*mine == 1);
  *mine = 2;
  CHECK(tealet_exit(copy->main, NULL, TEALET_EXIT_DEFER) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(copy->main, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(*mine == 2);
  CHECK(arg == token(33));
  tealet_exit(copy->main, token(34), TEALET_XFER_DEFAULT);
  NEVER("an exit returned");
}

static void test_copy_of_main_starts_paused(void) {
  volatile long mine = 1;
  tealet_t* copy = tealet_new(main_tealet);
  tealet_t* before = tealet_previous(main_tealet);
  void* arg = token(31);

  CHECK(tealet_fork(copy, &arg, TEALET_START_DEFAULT) == 0);
  if (tealet_current(copy) == copy) {
    CHECK(arg == token(32) && tealet_previous(copy) == main_tealet);
    be_a_copy(copy, arg, &mine);
  }
  CHECK(arg == NULL && tealet_previous(main_tealet) == before);
  CHECK(tealet_status(copy) == TEALET_STATUS_ACTIVE && tealet_get_stacksize(copy) > 0);
  CHECK(tealet_get_far(copy) == tealet_get_far(main_tealet));
  arg = token(32);
  CHECK(tealet_switch(copy, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(32) && mine == 1);
  mine = 3;
  arg = token(33);
  CHECK(tealet_switch(copy, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(34) && mine == 3);
  CHECK(tealet_status(copy) == TEALET_STATUS_EXITED);
  tealet_delete(copy);
}

static void test_copy_of_main_goes_on_at_once(void) {
  volatile long mine = 1;
  tealet_t* copy = tealet_new(main_tealet);
  void* arg = token(41);

  CHECK(tealet_fork(copy, &arg, TEALET_START_SWITCH) == 0);
  if (tealet_current(main_tealet) == copy) {
    CHECK(arg == NULL && tealet_previous(copy) == main_tealet);
    CHECK(tealet_get_stacksize(copy) == 0);
    CHECK(tealet_get_stacksize(main_tealet) > 0);
    CHECK(tealet_status(main_tealet) == TEALET_STATUS_ACTIVE);
    arg = token(42);
    be_a_copy(copy, arg, &mine);
  }
  CHECK(arg == token(42) && tealet_previous(copy) == copy);
  CHECK(mine == 1);
  arg = token(33);
  CHECK(tealet_switch(copy, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(34) && mine == 1);
  tealet_delete(copy);
}

static void test_panic_in_a_fork(void) {
  tealet_t* copy = tealet_new(main_tealet);
  void* arg = NULL;
  const int result = tealet_fork(copy, &arg, TEALET_START_DEFAULT);

  if (tealet_current(copy) == copy) {
    CHECK(result == TEALET_ERR_PANIC && arg == token(51));
    tealet_exit(copy->main, token(52), TEALET_EXIT_DELETE);
  }
  CHECK(result == 0);
  arg = token(51);
  CHECK(tealet_switch(copy, &arg, TEALET_XFER_PANIC) == 0);
  CHECK(arg == token(52) && tealet_previous(main_tealet) == NULL);
}

static void test_paused_copies_are_deleted(void) {
  tealet_t* copy = tealet_new(main_tealet);
  tealet_t* twin;
  void* arg = NULL;

  CHECK(tealet_fork(copy, &arg, TEALET_START_DEFAULT) == 0);
  if (arg != NULL) tealet_exit(main_tealet, tealet_current(main_tealet), TEALET_XFER_DEFAULT);
  twin = tealet_duplicate(copy);
  tealet_delete(copy);
  CHECK(tealet_get_origin(twin) == (TEALET_ORIGIN_MAIN_LINEAGE | TEALET_ORIGIN_FORK));
  arg = token(1);
  CHECK(tealet_switch(twin, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == twin && tealet_status(twin) == TEALET_STATUS_EXITED);
  tealet_delete(twin);
}

/* A copy that is copied again, in a function below. */
static void fork_again(void* arg) {
  static tealet_t* copies[3];
  volatile int generation = 0;
  int i;

  (void)arg;
  for (i = 0; i < 3; ++i) {
    copies[i] = tealet_new(main_tealet);
    CHECK(tealet_fork(copies[i], NULL, TEALET_START_SWITCH) == 0);
    if (tealet_current(main_tealet) != copies[i]) break;
    generation += 1;
    CHECK(TEALET_IS_MAIN_LINEAGE(copies[i]) && TEALET_IS_FORK(copies[i]));
  }
  CHECK(generation == i);
  if (i > 0) {
    /* Each exits to its original. */
    tealet_t* origin = i == 1 ? main_tealet : copies[i - 2];
    CHECK(i < 3 || tealet_previous(main_tealet) == origin);
    tealet_exit(origin, NULL, TEALET_XFER_DEFAULT);
  }
  for (i = 0; i < 3; ++i) {
    CHECK(tealet_status(copies[i]) == TEALET_STATUS_EXITED);
    tealet_delete(copies[i]);
  }
}

static void test_main(void* far) {
  tealet_stats_t at_first;

  begin();
  CHECK(tealet_set_far(main_tealet, far) == 0);
  CHECK(tealet_get_far(main_tealet) == far);
  at_first = stats_of(main_tealet);
  test_copy_of_main_starts_paused();
  test_copy_of_main_goes_on_at_once();
  test_panic_in_a_fork();
  test_paused_copies_are_deleted();
  at_depth(2, fork_again, NULL);
  finish(&at_first);
}

/* --- a tealet with a function ----------------------------------------------------------------- */

static long sum; /* of what the copies have in their own variables when they end */
static int ends;
static tealet_t* made[4];

/* Copies itself and goes on; all of them return through this function. */
static tealet_t* copies_itself(tealet_t* current, void* arg) {
  tealet_t* const home = current->main; /* `current` may be gone when a copy runs */
  volatile long mine = number(arg);
  int i;

  for (i = 0; i < 2; ++i) {
    tealet_t* copy = tealet_new(home);
    void* value = token(77);

    made[i] = copy;
    CHECK(tealet_fork(copy, &value, TEALET_START_DEFAULT) == 0);
    if (tealet_current(home) == copy) {
      CHECK(value == token(100 + i));
      CHECK(tealet_get_origin(copy) == TEALET_ORIGIN_FORK && !TEALET_IS_MAIN_LINEAGE(copy));
      mine += 1000;
      break;
    }
    CHECK(value == NULL);
    mine += 10;
  }
  sum += mine;
  ends += 1;
  return home;
}

static void test_copies_return_through_the_function(void) {
  tealet_t* t;
  tealet_stats_t at_first;
  void* arg = token(1);
  int i;

  begin();
  at_first = stats_of(main_tealet);
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, copies_itself, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(ends == 1 && sum == 21 && tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
  for (i = 1; i >= 0; --i) {
    CHECK(tealet_status(made[i]) == TEALET_STATUS_ACTIVE);
    arg = token(100 + i);
    CHECK(tealet_switch(made[i], &arg, TEALET_XFER_DEFAULT) == 0);
    CHECK(arg == NULL && tealet_previous(main_tealet) == made[i]);
    CHECK(tealet_status(made[i]) == TEALET_STATUS_EXITED);
    tealet_delete(made[i]);
  }
  CHECK(ends == 3 && sum == 21 + 1011 + 1001);
  finish(&at_first);
}

/* The original and its copy defer different exits. */
static tealet_t* defers_in_a_copy(tealet_t* current, void* arg) {
  tealet_t* copy = tealet_new(current);

  CHECK(tealet_exit(current->main, token(1), TEALET_EXIT_DEFER) == 0);
  CHECK(tealet_fork(copy, NULL, TEALET_START_SWITCH) == 0);
  if (tealet_current(main_tealet) == copy) {
    CHECK(tealet_previous(copy) == current);
    CHECK(tealet_exit(current, token(2), TEALET_EXIT_DEFER | TEALET_EXIT_DELETE) == 0);
    return NULL;
  }
  CHECK(tealet_current(current) == current && tealet_previous(current) == NULL);
  (void)arg;
  return NULL;
}

static void test_deferred_exit_in_a_copy(void) {
  tealet_t* t;
  tealet_stats_t at_first;
  void* arg = NULL;

  begin();
  at_first = stats_of(main_tealet);
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, defers_in_a_copy, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(arg == token(1) && tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
  finish(&at_first);
}

/* A deferred exit is copied, too. But a copy cannot exit to itself. */
static tealet_t* defers_before_the_copy(tealet_t* current, void* arg) {
  tealet_t* copy = (tealet_t*)arg;

  (void)current;
  CHECK(tealet_exit(copy, token(3), TEALET_EXIT_DEFER) == 0);
  CHECK(tealet_fork(copy, NULL, TEALET_START_DEFAULT) == 0);
  ends += 1;
  return NULL;
}

static void test_deferred_exit_to_the_copy(void) {
  tealet_t* t;
  tealet_t* copy;
  void* arg;

  begin();
  ends = 0;
  t = tealet_new(main_tealet);
  arg = copy = tealet_new(main_tealet);
  /* t exits to its copy, which cannot exit to itself. */
  CHECK(tealet_run(t, defers_before_the_copy, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  CHECK(ends == 2);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED && tealet_status(copy) == TEALET_STATUS_EXITED);
  tealet_finalize(main_tealet);
}

static tealet_t* copies_and_pauses(tealet_t* current, void* arg) {
  pattern_t pattern;
  tealet_t* copy = (tealet_t*)arg;

  pattern_init(&pattern, 5);
  CHECK(tealet_fork(copy, NULL, TEALET_START_SWITCH) == 0);
  for (;;) {
    CHECK(pattern_intact(&pattern));
    pattern_init(&pattern, pattern.seed + (tealet_current(main_tealet) == copy ? 1 : 2));
    arg = token((long)pattern.seed);
    tealet_switch(main_tealet, &arg, TEALET_XFER_DEFAULT);
  }
  return current;
}

static void test_copies_are_apart(void) {
  tealet_t* t;
  tealet_t* copy;
  void* arg;
  int i;

  begin();
  t = tealet_new(main_tealet);
  arg = copy = tealet_new(main_tealet);
  CHECK(tealet_run(t, copies_and_pauses, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(arg == token(6) && tealet_previous(t) == copy);
  for (i = 1; i < 4; ++i) {
    CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
    CHECK(arg == token(5 + 2 * i));
    CHECK(tealet_switch(copy, &arg, TEALET_XFER_DEFAULT) == 0);
    CHECK(arg == token(6 + i));
    CHECK(figures_hold(t, &upstream));
  }
  tealet_delete(t);
  CHECK(tealet_switch(copy, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(10));
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

int main(void) {
  /* Not inlined, or their variables might lie beyond the far end of main's stack. */
  void (*volatile only_into_a_new_tealet)(void* far) = test_only_into_a_new_tealet;
  void (*volatile of_main)(void* far) = test_main;
  long far[2];

  far[1] = 0;
  test_main_without_a_far_end();
  only_into_a_new_tealet(&far[1]);
  of_main(&far[1]);
  test_copies_return_through_the_function();
  test_deferred_exit_in_a_copy();
  test_deferred_exit_to_the_copy();
  test_copies_are_apart();
  return checks_done();
}
