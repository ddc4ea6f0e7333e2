/* The C API without memory: each allocation fails once, and switches are forced. */
#include <tealet/tealet_extras.h>

#include "support.h"

static upstream_t upstream;
static tealet_t* main_tealet;

/* --- every allocation fails once -------------------------------------------------------------- */

/* Before and after a step that may have run dry. */
typedef struct snapshot_t {
  tealet_stats_t stats;
  tealet_t* current;
  tealet_t* previous;
} snapshot_t;

static snapshot_t snapshot(void) {
  snapshot_t now;

  now.stats = stats_of(main_tealet);
  now.current = tealet_current(main_tealet);
  now.previous = tealet_previous(main_tealet);
  return now;
}

/* True if the step must be repeated with memory. */
static int ran_dry(const snapshot_t* before, int result) {
  const snapshot_t now = snapshot();

  if (result != TEALET_ERR_MEM) {
    CHECK(result == 0);
    return 0;
  }
  CHECK(upstream.left == 0);
  CHECK(same_now(&before->stats, &now.stats) && before->stats.n_total == now.stats.n_total);
  CHECK(before->current == tealet_current(main_tealet));
  CHECK(before->previous == tealet_previous(main_tealet));
  CHECK(tealet_status(before->current) == TEALET_STATUS_ACTIVE);
  CHECK(figures_hold(main_tealet, &upstream));
  upstream.left = -1;
  return 1;
}

static tealet_t* make(void) {
  const snapshot_t before = snapshot();
  tealet_t* t = tealet_new(main_tealet);

  if (t == NULL) {
    CHECK(ran_dry(&before, TEALET_ERR_MEM));
    t = tealet_new(main_tealet);
  }
  CHECK(tealet_status(t) == TEALET_STATUS_NEW);
  return t;
}

static void run(tealet_t* t, tealet_run_t function, void* arg, void* far, int flags) {
  const snapshot_t before = snapshot();
  void* value = arg;
  int result = tealet_run(t, function, &value, far, flags);

  if (ran_dry(&before, result)) {
    CHECK(value == arg && tealet_status(t) == TEALET_STATUS_NEW && tealet_get_far(t) == NULL);
    CHECK(tealet_run(t, function, &value, far, flags) == 0);
  }
}

static void* go(tealet_t* t, void* arg) {
  const snapshot_t before = snapshot();
  void* value = arg;

  if (ran_dry(&before, tealet_switch(t, &value, TEALET_XFER_DEFAULT))) {
    CHECK(value == arg && tealet_status(t) == TEALET_STATUS_ACTIVE);
    CHECK(tealet_switch(t, &value, TEALET_XFER_DEFAULT) == 0);
  }
  return value;
}

static tealet_t* duplicate(tealet_t* t) {
  const snapshot_t before = snapshot();
  tealet_t* twin = tealet_duplicate(t);

  if (twin == NULL) {
    CHECK(ran_dry(&before, TEALET_ERR_MEM));
    twin = tealet_duplicate(t);
  }
  CHECK(twin != NULL);
  return twin;
}

static int fork_here(tealet_t* copy, int flags) {
  const snapshot_t before = snapshot();
  const int result = tealet_fork(copy, NULL, flags);

  /* In the copy, `before` and `result` are copies, too. */
  if (tealet_current(main_tealet) == copy) return 1;
  if (result == TEALET_ERR_MEM) {
    CHECK(ran_dry(&before, result));
    CHECK(tealet_status(copy) == TEALET_STATUS_NEW && tealet_get_origin(copy) == 0);
    CHECK(tealet_fork(copy, NULL, flags) == 0);
    return tealet_current(main_tealet) == copy;
  }
  CHECK(result == 0);
  return 0;
}

static void leave(tealet_t* target, void* arg, int flags) {
  const snapshot_t before = snapshot();
  const int result = tealet_exit(target, arg, flags);

  CHECK(ran_dry(&before, result));
  tealet_exit(target, arg, flags);
  NEVER("an exit returned");
}

static tealet_t* tall; /* reaches deeper than where others begin */
static tealet_t* tall_twin;
static tealet_t* captured;
static tealet_t* low;
static tealet_t* fork_of_tall;

static void pause_tall(void* arg) {
  pattern_t pattern;

  pattern_init(&pattern, 9);
  CHECK(go(main_tealet, arg) == token(2));
  CHECK(pattern_intact(&pattern));
  if (fork_here(fork_of_tall, TEALET_START_SWITCH)) {
    pattern_init(&pattern, 10);
    go(main_tealet, token(3)); /* and never comes back */
  }
  CHECK(pattern_intact(&pattern));
  CHECK(go(low, token(4)) == token(5));
  CHECK(pattern_intact(&pattern));
}

static tealet_t* be_tall(tealet_t* current, void* arg) {
  CHECK(arg == token(1));
  at_depth(12, pause_tall, token(1));
  leave(current->main, token(6), TEALET_EXIT_DELETE);
  return NULL;
}

static tealet_t* be_low(tealet_t* current, void* arg) {
  pattern_t pattern;

  pattern_init(&pattern, 11);
  CHECK(go(current->main, arg) == token(4));
  CHECK(pattern_intact(&pattern));
  CHECK(go(current->main, token(14)) == token(15)); /* all of `tall` is saved now */
  CHECK(pattern_intact(&pattern));
  go(tall, token(5));
  NEVER("it was deleted");
  return NULL;
}

static void begin_low(void* arg) {
  (void)arg;
  low = make();
  run(low, be_low, NULL, NULL, TEALET_START_SWITCH);
}

static tealet_t* be_captured(tealet_t* current, void* arg) {
  CHECK(arg == token(7));
  CHECK(go(current->main, token(8)) == token(9));
  upstream.left = -1; /* an end cannot be repeated */
  return current->main;
}

static void scenario(void) {
  char far = 0;

  tall = make();
  run(tall, be_tall, token(1), NULL, TEALET_START_SWITCH);
  at_depth(5, begin_low, NULL);
  captured = make();
  run(captured, be_captured, NULL, &far, TEALET_START_DEFAULT);
  tall_twin = duplicate(tall);
  fork_of_tall = make();
  go(tall, token(2)); /* its fork comes back */
  CHECK(tealet_get_origin(fork_of_tall) == TEALET_ORIGIN_FORK);
  tealet_delete(fork_of_tall);
  CHECK(go(captured, token(7)) == token(8));
  CHECK(go(tall, NULL) == token(14));
  CHECK(go(low, token(15)) == token(6)); /* `tall` is deleted then */
  CHECK(go(captured, token(9)) == NULL);
  CHECK(tealet_status(captured) == TEALET_STATUS_EXITED);
  tealet_delete(captured);
  tealet_delete(low);
  tealet_delete(tall_twin);
}

/* [switch-5] */
static void test_every_allocation_fails_once(void) {
  long n;
  size_t failures = 1;

  for (n = 0; failures != 0; ++n) {
    tealet_stats_t at_first;
    tealet_stats_t stats;

    upstream_init(&upstream);
    main_tealet = tealet_initialize(&upstream.alloc, 4);
    at_first = stats_of(main_tealet);
    upstream.left = n;
    scenario();
    failures = upstream.failures;
    upstream.left = -1;
    stats = stats_of(main_tealet);
    CHECK(same_now(&at_first, &stats));
    tealet_finalize(main_tealet);
    CHECK(upstream.blocks == 0);
  }
  CHECK(n > 15);
}

/* --- force ------------------------------------------------------------------------------------ */

static void begin(void) {
  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 0);
}

static void finish(void) {
  upstream.left = -1;
  CHECK(figures_hold(main_tealet, &upstream));
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

/* From deeper than where `t` began: a part of main must be saved. */
static void switch_in_vain(void* paused) {
  tealet_t* const t = (tealet_t*)paused;
  void* arg = token(1);

  upstream.left = 0;
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == TEALET_ERR_MEM);
  CHECK(tealet_switch(t, &arg, TEALET_XFER_FORCE) == TEALET_ERR_MEM);
  CHECK(arg == token(1) && tealet_current(t) == main_tealet);
  CHECK(tealet_status(t) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_status(main_tealet) == TEALET_STATUS_ACTIVE);
  /* A switch from main to main returns with panic. */
  CHECK(tealet_switch(t, &arg, TEALET_XFER_NOFAIL) == TEALET_ERR_PANIC);
  CHECK(arg == token(1) && tealet_current(t) == main_tealet);
  upstream.left = -1;
  CHECK(tealet_switch(t, &arg, TEALET_XFER_FORCE) == 0);
  CHECK(arg == token(2));
}

/* [switch-5] */
static void test_main_is_never_given_up(void) {
  tealet_t* t;

  begin();
  t = paused_echo(main_tealet);
  at_depth(5, switch_in_vain, t);
  tealet_delete(t);
  finish();
}

/* A switch to a nearer tealet takes no memory. */
static tealet_t* comes_without_memory(tealet_t* current, void* arg) {
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(2) && upstream.left == 0);
  upstream.left = -1;
  return current->main;
}

static void begin_nearer(void* fresh) {
  CHECK(tealet_run((tealet_t*)fresh, comes_without_memory, NULL, NULL, TEALET_START_SWITCH) == 0);
}

static void test_main_needs_no_memory_for_nothing(void) {
  tealet_t* t;
  void* arg = token(2);

  begin();
  t = tealet_new(main_tealet);
  at_depth(5, begin_nearer, t);
  upstream.left = 0;
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
  finish();
}

static int forced_flags;

static tealet_t* forces_its_way_to_main(tealet_t* current, void* arg) {
  upstream.left = 0;
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == TEALET_ERR_MEM);
  CHECK(tealet_status(current) == TEALET_STATUS_ACTIVE);
  arg = token(3);
  tealet_switch(current->main, &arg, forced_flags);
  NEVER("a defunct tealet runs");
  return current->main;
}

/* [switch-5] */
static void test_the_running_tealet_is_given_up(int flags, int result) {
  tealet_t* t;
  void* arg = NULL;

  begin();
  forced_flags = flags;
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, forces_its_way_to_main, &arg, NULL, TEALET_START_SWITCH) == result);
  CHECK(arg == token(3));
  CHECK(tealet_status(t) == TEALET_STATUS_DEFUNCT && tealet_get_stacksize(t) == 0);
  upstream.left = -1;
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == TEALET_ERR_DEFUNCT);
  CHECK(tealet_switch(t, &arg, TEALET_XFER_FORCE) == TEALET_ERR_DEFUNCT);
  CHECK(tealet_switch(t, &arg, TEALET_XFER_NOFAIL) == TEALET_ERR_PANIC);
  CHECK(arg == token(3));
  CHECK(tealet_run(t, echo, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  tealet_delete(t);
  CHECK(upstream.blocks == 2);
  finish();
}

/* `lower` starts `upper` on top and so is paused in place; `upper` then goes to main, whose place
 * `lower` is in.
 */
static tealet_t* lower;
static tealet_t* lower_twin;
static tealet_t* upper;

static tealet_t* force_from_the_top(tealet_t* current, void* arg) {
  (void)arg;
  lower_twin = tealet_duplicate(lower);
  CHECK(lower_twin != NULL);
  CHECK(tealet_get_stacksize(lower) == 0 && tealet_get_stacksize(lower_twin) == 0);
  upstream.left = 1; /* enough for this one */
  CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_MEM);
  CHECK(tealet_status(lower) == TEALET_STATUS_ACTIVE && upstream.left == 0);
  upstream.left = 1;
  CHECK(tealet_switch(current->main, NULL, TEALET_XFER_FORCE) == 0);
  CHECK(tealet_status(lower) == TEALET_STATUS_DEFUNCT);
  /* With NOFAIL, main is told that the target is defunct. */
  upstream.left = -1;
  CHECK(tealet_switch(lower, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_DEFUNCT);
  CHECK(tealet_switch(lower, NULL, TEALET_XFER_NOFAIL) == 0);
  CHECK(tealet_exit(lower, NULL, TEALET_XFER_FORCE) == TEALET_ERR_DEFUNCT);
  tealet_exit(lower, token(5), TEALET_XFER_NOFAIL);
  NEVER("an exit returned");
  return NULL;
}

static tealet_t* be_the_lower(tealet_t* current, void* arg) {
  lower = current;
  upper = tealet_new(current);
  CHECK(tealet_run(upper, force_from_the_top, &arg, NULL, TEALET_START_SWITCH) == 0);
  NEVER("a defunct tealet runs");
  return NULL;
}

/* [switch-5] */
static void test_paused_tealets_are_given_up(void) {
  tealet_t* t;
  void* arg = NULL;

  begin();
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, be_the_lower, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_status(lower) == TEALET_STATUS_DEFUNCT);
  CHECK(tealet_status(lower_twin) == TEALET_STATUS_DEFUNCT);
  CHECK(tealet_status(upper) == TEALET_STATUS_ACTIVE);
  upstream.left = -1;
  CHECK(tealet_switch(lower_twin, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_DEFUNCT);
  CHECK(tealet_switch(upper, &arg, TEALET_XFER_DEFAULT) == TEALET_ERR_PANIC); /* of NOFAIL */
  CHECK(tealet_switch(upper, &arg, TEALET_XFER_DEFAULT) == TEALET_ERR_PANIC); /* and of exit */
  CHECK(arg == token(5));
  CHECK(tealet_status(upper) == TEALET_STATUS_EXITED);
  tealet_delete(lower);
  tealet_delete(lower_twin);
  tealet_delete(upper);
  CHECK(upstream.blocks == 2);
  finish();
}

/* --- ends without memory ---------------------------------------------------------------------- */

static tealet_run_t end_of_upper;
static tealet_t* elsewhere; /* begun where `lower` lies */

static tealet_t* starts_upper(tealet_t* current, void* arg) {
  lower = current;
  upper = tealet_new(current);
  CHECK(tealet_run(upper, end_of_upper, &arg, NULL, TEALET_START_SWITCH) == 0);
  NEVER("a defunct tealet runs");
  return NULL;
}

static tealet_t* returns_null(tealet_t* current, void* arg) {
  (void)arg;
  upstream.left = 0;
  CHECK(tealet_exit(current->main, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_MEM);
  return NULL;
}

static tealet_t* exits_by_force(tealet_t* current, void* arg) {
  (void)arg;
  upstream.left = 0;
  tealet_exit(current->main, NULL, TEALET_XFER_FORCE);
  NEVER("an exit returned");
  return NULL;
}

static tealet_t* refills(tealet_t* current, void* arg) {
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  upstream.left = -1;
  CHECK(arg == NULL);
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  return current->main;
}

static tealet_t* returns_elsewhere(tealet_t* current, void* arg) {
  (void)current;
  (void)arg;
  upstream.left = 0;
  return elsewhere;
}

/* `lower` is in the way, and becomes defunct. */
static void upper_ends(tealet_run_t end, int result) {
  tealet_t* t;

  begin();
  elsewhere = tealet_new(main_tealet);
  CHECK(tealet_run(elsewhere, refills, NULL, NULL, TEALET_START_SWITCH) == 0);
  end_of_upper = end;
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, starts_upper, NULL, NULL, TEALET_START_SWITCH) == result);
  upstream.left = -1;
  CHECK(tealet_status(lower) == TEALET_STATUS_DEFUNCT);
  CHECK(tealet_status(upper) == TEALET_STATUS_EXITED);
  CHECK(tealet_previous(main_tealet) == (end == returns_elsewhere ? elsewhere : upper));
  finish();
}

/* [switch-5] */
static void test_ends_without_memory(void) {
  upper_ends(exits_by_force, 0);
  upper_ends(returns_null, TEALET_ERR_PANIC);
  upper_ends(returns_elsewhere, 0);
}

/* --- what force cannot do --------------------------------------------------------------------- */

/* `deep` runs where `tall` has a part of its stack in place. */
static tealet_t* deep;
static int refused;

static tealet_t* forces_a_shared_stack(tealet_t* current, void* arg) {
  tealet_t* twin;

  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  twin = tealet_duplicate(tall);
  upstream.left = 1;
  CHECK(tealet_switch(tall, NULL, TEALET_XFER_FORCE) == TEALET_ERR_MEM);
  refused = 1;
  CHECK(tealet_status(tall) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_status(twin) == TEALET_STATUS_ACTIVE);
  CHECK(figures_hold(current, &upstream));
  upstream.left = -1;
  tealet_delete(twin);
  tealet_switch(tall, NULL, TEALET_XFER_DEFAULT);
  NEVER("it was deleted");
  return NULL;
}

static void begin_deep(void* arg) {
  deep = tealet_new(main_tealet);
  CHECK(tealet_run(deep, forces_a_shared_stack, &arg, NULL, TEALET_START_SWITCH) == 0);
}

static void switch_to_deep(void* arg) {
  CHECK(tealet_switch(deep, &arg, TEALET_XFER_DEFAULT) == 0);
}

static tealet_t* switches_from_deep_down(tealet_t* current, void* arg) {
  at_depth(12, switch_to_deep, arg);
  return current->main;
}

/* [switch-5] */
static void test_what_is_resumed_is_not_given_up(void) {
  begin();
  at_depth(5, begin_deep, NULL);
  tall = tealet_new(main_tealet);
  CHECK(tealet_run(tall, switches_from_deep_down, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(refused && tealet_status(tall) == TEALET_STATUS_EXITED);
  finish();
}

/* The saved bytes of a defunct tealet are of no use. */
static tealet_t* gives_up_what_is_saved_in_part(tealet_t* current, void* arg) {
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_get_stacksize(tall) > 0);
  upstream.left = 1;
  tealet_switch(current->main, NULL, TEALET_XFER_FORCE);
  return current->main;
}

static void begin_deep_to_give_up(void* arg) {
  deep = tealet_new(main_tealet);
  CHECK(tealet_run(deep, gives_up_what_is_saved_in_part, &arg, NULL, TEALET_START_SWITCH) == 0);
}

static void test_given_up_when_saved_in_part(void) {
  begin();
  at_depth(5, begin_deep_to_give_up, NULL);
  tall = tealet_new(main_tealet);
  CHECK(tealet_run(tall, switches_from_deep_down, NULL, NULL, TEALET_START_SWITCH) == 0);
  upstream.left = -1;
  CHECK(tealet_status(tall) == TEALET_STATUS_DEFUNCT && tealet_get_stacksize(tall) == 0);
  CHECK(tealet_status(deep) == TEALET_STATUS_ACTIVE && tealet_get_stacksize(deep) > 0);
  CHECK(figures_hold(main_tealet, &upstream));
  tealet_delete(tall);
  tealet_delete(deep);
  CHECK(upstream.blocks == 2);
  finish();
}

/* Main is in the way, behind `lower`: neither becomes defunct. */
static tealet_t* forces_what_needs_main(tealet_t* current, void* arg) {
  (void)arg;
  upstream.left = 1;
  CHECK(tealet_switch(elsewhere, NULL, TEALET_XFER_FORCE) == TEALET_ERR_MEM);
  CHECK(tealet_status(lower) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_status(current) == TEALET_STATUS_ACTIVE && tealet_current(current) == current);
  upstream.left = -1;
  CHECK(figures_hold(current, &upstream));
  return lower;
}

static tealet_t* starts_that(tealet_t* current, void* arg) {
  pattern_t pattern;

  pattern_init(&pattern, 2);
  lower = current;
  upper = tealet_new(current);
  CHECK(tealet_run(upper, forces_what_needs_main, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(pattern_intact(&pattern));
  return current->main;
}

static void test_nobody_is_given_up_for_nothing(void) {
  pattern_t pattern;
  tealet_t* t;

  begin();
  pattern_init(&pattern, 3);
  elsewhere = tealet_new(main_tealet);
  CHECK(tealet_run(elsewhere, echo, NULL, &pattern + 1, TEALET_START_DEFAULT) == 0);
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, starts_that, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  CHECK(pattern_intact(&pattern));
  finish();
}

/* A function can return without any memory. */
static tealet_t* returns_without_memory(tealet_t* current, void* arg) {
  (void)current;
  upstream.left = 0;
  return (tealet_t*)arg;
}

static void test_a_function_returns_without_memory(void) {
  tealet_t* t;
  void* arg;

  begin();
  t = tealet_new(main_tealet);
  arg = main_tealet;
  CHECK(tealet_run(t, returns_without_memory, &arg, NULL, TEALET_START_SWITCH) == 0);
  upstream.left = -1;
  CHECK(arg == NULL && tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
  finish();
}

/* Its far end is in main, so that it is in the way of main. */
static tealet_t* stub_in_place;

static void force_to_main(void* arg) {
  (void)arg;
  upstream.left = 1;
  CHECK(tealet_switch(main_tealet, NULL, TEALET_XFER_FORCE) == 0);
}

static tealet_t* makes_a_stub_in_place(tealet_t* current, void* arg) {
  CHECK(tealet_stub_new(current, &stub_in_place, arg) == 0);
  at_depth(4, force_to_main, NULL);
  return current->main;
}

static void test_a_stub_becomes_defunct(void) {
  char far[3000];
  void* arg = away(far, (ptrdiff_t)sizeof far);

  begin();
  CHECK(tealet_run(tealet_new(main_tealet), makes_a_stub_in_place, &arg, NULL,
                   TEALET_START_SWITCH) == 0);
  upstream.left = -1;
  CHECK(tealet_status(stub_in_place) == TEALET_STATUS_DEFUNCT);
  CHECK(tealet_stub_run(stub_in_place, end_at_once, NULL) == TEALET_ERR_DEFUNCT);
  CHECK(tealet_switch(stub_in_place, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_DEFUNCT);
  finish();
}

int main(void) {
  test_every_allocation_fails_once();
  test_main_is_never_given_up();
  test_main_needs_no_memory_for_nothing();
  test_the_running_tealet_is_given_up(TEALET_XFER_FORCE, 0);
  test_the_running_tealet_is_given_up(TEALET_XFER_NOFAIL, 0);
  test_the_running_tealet_is_given_up(TEALET_XFER_FORCE | TEALET_XFER_PANIC, TEALET_ERR_PANIC);
  test_paused_tealets_are_given_up();
  test_a_function_returns_without_memory();
  test_ends_without_memory();
  test_what_is_resumed_is_not_given_up();
  test_given_up_when_saved_in_part();
  test_nobody_is_given_up_for_nothing();
  test_a_stub_becomes_defunct();
  return checks_done();
}
