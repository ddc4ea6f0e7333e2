/* Transfers: arguments, ends and flags. */
#include "support.h"

static tealet_t* main_tealet;
static int result; /* of a call in a tealet */
static void* received;

/* --- arguments -------------------------------------------------------------------------------- */

static void test_arguments_both_ways(void) {
  tealet_t* t = tealet_new(main_tealet);
  void* arg = token(1);

  CHECK(tealet_run(t, echo, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(arg == token(2));
  arg = token(10);
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(11));
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  arg = NULL;
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(1)); /* NULL plus one */
  tealet_delete(t);
}

static tealet_t* receives(tealet_t* current, void* arg) {
  received = arg;
  return current->main;
}

static void test_null_without_an_argument(void) {
  tealet_t* t = tealet_new(main_tealet);

  received = token(1);
  CHECK(tealet_run(t, receives, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(received == NULL);
  tealet_delete(t);
}

static void test_a_return_hands_over_null(void) {
  tealet_t* t = tealet_new(main_tealet);
  void* arg = token(1);

  CHECK(tealet_run(t, end_at_once, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(arg == NULL);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
}

static void test_start_later(void) {
  tealet_t* t = tealet_new(main_tealet);
  void* arg = token(1);

  received = token(9);
  CHECK(tealet_run(t, receives, &arg, NULL, TEALET_START_DEFAULT) == 0);
  CHECK(arg == token(1) && received == token(9));
  CHECK(tealet_status(t) == TEALET_STATUS_ACTIVE);
  arg = token(2);
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(received == token(2) && arg == NULL);
  tealet_delete(t);
}

static void test_switching_to_oneself(void) {
  void* arg = token(3);

  CHECK(tealet_switch(main_tealet, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(3));
  CHECK(tealet_switch(main_tealet, &arg, TEALET_XFER_PANIC) == TEALET_ERR_PANIC);
  CHECK(arg == token(3));
}

/* --- flags of a switch ------------------------------------------------------------------------ */

static tealet_t* keeps_results(tealet_t* current, void* arg) {
  for (;;) {
    received = arg;
    result = tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
  }
  return NULL;
}

static tealet_t* panics_main(tealet_t* current, void* arg) {
  for (;;) {
    arg = token(8);
    tealet_switch(current->main, &arg, TEALET_XFER_PANIC);
  }
  return NULL;
}

static void test_panic(void) {
  tealet_t* t = tealet_new(main_tealet);
  tealet_t* other = tealet_new(main_tealet);
  void* arg = NULL;

  tealet_run(t, keeps_results, &arg, NULL, TEALET_START_SWITCH);
  arg = token(4);
  CHECK(tealet_switch(t, &arg, TEALET_XFER_PANIC) == 0);
  CHECK(result == TEALET_ERR_PANIC && received == token(4));
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(result == 0);
  CHECK(tealet_run(other, panics_main, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  CHECK(arg == token(8));
  arg = NULL;
  CHECK(tealet_switch(other, &arg, TEALET_XFER_DEFAULT) == TEALET_ERR_PANIC);
  CHECK(arg == token(8));
  tealet_delete(t);
  tealet_delete(other);
}

/* [c-panic] */
static void test_panic_before_it_began(void) {
  tealet_t* t = tealet_new(main_tealet);

  tealet_run(t, receives, NULL, NULL, TEALET_START_DEFAULT);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_PANIC) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_PANIC | TEALET_XFER_NOFAIL) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
}

static void test_wrong_targets(void) {
  static const int flags[] = {TEALET_XFER_DEFAULT, TEALET_XFER_FORCE, TEALET_XFER_NOFAIL};
  tealet_t* fresh = tealet_new(main_tealet);
  tealet_t* ended = tealet_new(main_tealet);
  void* arg = token(6);
  size_t i;

  tealet_run(ended, end_at_once, NULL, NULL, TEALET_START_SWITCH);
  for (i = 0; i < sizeof flags / sizeof flags[0]; ++i) {
    CHECK(tealet_switch(fresh, &arg, flags[i]) == TEALET_ERR_INVAL);
    CHECK(tealet_switch(ended, &arg, flags[i]) == TEALET_ERR_INVAL);
  }
  CHECK(arg == token(6));
  CHECK(tealet_current(fresh) == main_tealet);
  CHECK(tealet_status(fresh) == TEALET_STATUS_NEW);
  CHECK(tealet_status(ended) == TEALET_STATUS_EXITED);
  tealet_delete(fresh);
  tealet_delete(ended);
}

/* [c-arguments] */
static void test_unknown_flags(void) {
  tealet_t* fresh = tealet_new(main_tealet);
  tealet_t* paused = paused_echo(main_tealet);

  CHECK(tealet_run(fresh, echo, NULL, NULL, 2) == TEALET_ERR_INVAL);
  CHECK(tealet_run(fresh, echo, NULL, NULL, TEALET_START_SWITCH | 4) == TEALET_ERR_INVAL);
  CHECK(tealet_fork(fresh, NULL, 2) == TEALET_ERR_INVAL);
  CHECK(tealet_status(fresh) == TEALET_STATUS_NEW);
  CHECK(tealet_switch(paused, NULL, 8) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(paused, NULL, TEALET_EXIT_DELETE) == TEALET_ERR_INVAL);
  tealet_delete(fresh);
  tealet_delete(paused);
}

/* [c-arguments] */
static void test_run_wants_a_new_tealet_and_a_function(void) {
  tealet_t* fresh = tealet_new(main_tealet);
  tealet_t* paused = paused_echo(main_tealet);
  tealet_t* later = tealet_new(main_tealet);
  tealet_t* ended = tealet_new(main_tealet);

  tealet_run(later, end_at_once, NULL, NULL, TEALET_START_DEFAULT);
  tealet_run(ended, end_at_once, NULL, NULL, TEALET_START_SWITCH);
  CHECK(tealet_run(fresh, NULL, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_run(fresh, NULL, NULL, NULL, TEALET_START_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_run(paused, echo, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_run(later, echo, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_run(ended, echo, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_run(main_tealet, echo, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_run(fresh, end_at_once, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_switch(later, NULL, TEALET_XFER_DEFAULT) == 0);
  tealet_delete(fresh);
  tealet_delete(paused);
  tealet_delete(later);
  tealet_delete(ended);
}

/* --- ends ------------------------------------------------------------------------------------- */

static tealet_t* exit_target;
static int exit_flags;

/* Exits as exit_flags says. If tealet_exit() returns, a panic tells main. */
static tealet_t* exits(tealet_t* current, void* arg) {
  (void)arg;
  result = tealet_exit(exit_target, token(12), exit_flags);
  CHECK(tealet_current(current) == current);
  received = token(13);
  if ((exit_flags & TEALET_EXIT_DEFER) != 0 && result == 0) return NULL;
  tealet_exit(current->main, NULL, TEALET_XFER_PANIC);
  return NULL;
}

static void test_exit_with_every_flag(void) {
  const tealet_stats_t before = stats_of(main_tealet);
  tealet_stats_t after;
  int flags;

  for (flags = 0; flags < 32; ++flags) {
    tealet_t* t = tealet_new(main_tealet);
    const int panic = (flags & 2) != 0;
    void* arg = token(11);

    exit_target = main_tealet;
    /* Force, panic, no-fail, delete, defer. */
    exit_flags = (flags & 7) | ((flags & 8) != 0 ? TEALET_EXIT_DELETE : 0) |
                 ((flags & 16) != 0 ? TEALET_EXIT_DEFER : 0);
    received = NULL;
    CHECK(tealet_run(t, exits, &arg, NULL, TEALET_START_SWITCH) == (panic ? TEALET_ERR_PANIC : 0));
    CHECK(arg == token(12));
    CHECK(received == ((flags & 16) != 0 ? token(13) : NULL));
    if ((flags & 8) != 0) {
      CHECK(tealet_previous(main_tealet) == NULL);
    } else {
      CHECK(tealet_previous(main_tealet) == t);
      CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
      CHECK(tealet_get_stacksize(t) == 0);
      tealet_delete(t);
    }
    after = stats_of(main_tealet);
    CHECK(same_now(&before, &after));
  }
}

static void test_exit_to_another_tealet(void) {
  tealet_t* t = tealet_new(main_tealet);
  void* arg = NULL;

  exit_target = tealet_new(main_tealet);
  exit_flags = TEALET_EXIT_DELETE;
  tealet_run(exit_target, keeps_results, &arg, NULL, TEALET_START_SWITCH);
  CHECK(tealet_run(t, exits, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(received == token(12) && result == 0);
  CHECK(tealet_previous(main_tealet) == exit_target);

  /* The same with a captured tealet. */
  t = tealet_new(main_tealet);
  tealet_delete(exit_target);
  exit_target = tealet_new(main_tealet);
  CHECK(tealet_run(exit_target, receives, NULL, NULL, TEALET_START_DEFAULT) == 0);
  CHECK(tealet_run(t, exits, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(received == token(12));
  CHECK(tealet_status(exit_target) == TEALET_STATUS_EXITED);
  tealet_delete(exit_target);
}

static void exit_fails(tealet_t* target, int flags) {
  tealet_t* t = tealet_new(main_tealet);

  exit_target = target != NULL ? target : t;
  exit_flags = flags;
  received = NULL;
  CHECK(tealet_run(t, exits, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  CHECK(result == TEALET_ERR_INVAL && received == token(13));
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
}

/* [c-arguments] */
static void test_exit_to_the_wrong_target(void) {
  tealet_t* fresh = tealet_new(main_tealet);
  tealet_t* ended = tealet_new(main_tealet);
  tealet_t* later = tealet_new(main_tealet);

  tealet_run(ended, end_at_once, NULL, NULL, TEALET_START_SWITCH);
  tealet_run(later, end_at_once, NULL, NULL, TEALET_START_DEFAULT);
  exit_fails(fresh, TEALET_XFER_DEFAULT);
  exit_fails(fresh, TEALET_XFER_NOFAIL);
  exit_fails(ended, TEALET_XFER_FORCE);
  exit_fails(ended, TEALET_EXIT_DELETE); /* and it is still there */
  exit_fails(later, TEALET_XFER_PANIC);
  exit_fails(NULL, TEALET_XFER_DEFAULT);
  exit_fails(NULL, TEALET_EXIT_DEFER);
  exit_fails(main_tealet, 8);
  exit_fails(main_tealet, 1024 | TEALET_EXIT_DEFER);
  CHECK(tealet_exit(later, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL); /* in main */
  CHECK(tealet_exit(later, NULL, TEALET_EXIT_DEFER) == TEALET_ERR_INVAL);
  CHECK(tealet_exit(main_tealet, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_status(later) == TEALET_STATUS_ACTIVE);
  tealet_delete(fresh);
  tealet_delete(ended);
  tealet_delete(later);
}

static tealet_t* defers_twice(tealet_t* current, void* arg) {
  CHECK(tealet_exit((tealet_t*)arg, token(1), TEALET_EXIT_DEFER) == 0);
  CHECK(tealet_exit(current->main, token(2), TEALET_EXIT_DEFER | TEALET_EXIT_DELETE) == 0);
  CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0);
  return NULL;
}

static void test_the_last_deferred_exit_counts(void) {
  tealet_t* t = tealet_new(main_tealet);
  tealet_t* other = paused_echo(main_tealet);
  tealet_t* twin;
  void* arg = other;

  CHECK(tealet_run(t, defers_twice, &arg, NULL, TEALET_START_SWITCH) == 0);
  twin = tealet_duplicate(t); /* which has noted the same */
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(2) && tealet_previous(main_tealet) == NULL);
  arg = NULL;
  CHECK(tealet_switch(twin, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(2) && tealet_previous(main_tealet) == NULL);
  tealet_delete(other);
}

/* The return value decides the target, the deferred exit the flags. */
static tealet_t* defers_and_returns(tealet_t* current, void* arg) {
  CHECK(tealet_exit((tealet_t*)arg, token(4), TEALET_EXIT_DEFER | TEALET_EXIT_DELETE) == 0);
  return current->main;
}

static void test_what_is_returned_goes_before_a_deferred_target(void) {
  tealet_t* other = paused_echo(main_tealet);
  void* arg = other;

  CHECK(tealet_run(tealet_new(main_tealet), defers_and_returns, &arg, NULL, TEALET_START_SWITCH) ==
        0);
  CHECK(arg == token(4) && tealet_previous(main_tealet) == NULL);
  tealet_delete(other);
}

/* A deferred exit to a tealet that ends before. */
static tealet_t* defers_to(tealet_t* current, void* arg) {
  CHECK(tealet_exit((tealet_t*)arg, token(1), TEALET_EXIT_DEFER | TEALET_EXIT_DELETE) == 0);
  CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0);
  return NULL;
}

static void test_a_deferred_exit_that_fails(void) {
  tealet_t* t = tealet_new(main_tealet);
  tealet_t* target = tealet_new(main_tealet);
  void* arg = target;

  tealet_run(target, end_at_once, NULL, NULL, TEALET_START_DEFAULT);
  CHECK(tealet_run(t, defers_to, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_switch(target, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_PANIC);
  CHECK(tealet_previous(main_tealet) == NULL); /* it is deleted all the same */
  tealet_delete(target);
}

static tealet_t* returns_its_argument(tealet_t* current, void* arg) {
  (void)current;
  return (tealet_t*)arg;
}

static tealet_t* returns_itself(tealet_t* current, void* arg) {
  (void)arg;
  return current;
}

static void returning_panics_main(tealet_run_t run, tealet_t* target) {
  tealet_t* t = tealet_new(main_tealet);
  void* arg = target;

  CHECK(tealet_run(t, run, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  CHECK(tealet_current(main_tealet) == main_tealet);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED && tealet_previous(t) == t);
  tealet_delete(t);
}

/* [c-return] */
static void test_functions_that_return_nonsense(void) {
  tealet_t* other_main = tealet_initialize(NULL, 0);
  tealet_t* foreign = paused_echo(other_main);
  tealet_t* fresh = tealet_new(main_tealet);
  tealet_t* ended = tealet_new(main_tealet);

  tealet_run(ended, end_at_once, NULL, NULL, TEALET_START_SWITCH);
  returning_panics_main(returns_its_argument, NULL);
  returning_panics_main(returns_itself, NULL);
  returning_panics_main(returns_its_argument, fresh);
  returning_panics_main(returns_its_argument, ended);
  returning_panics_main(returns_its_argument, foreign);
  returning_panics_main(returns_its_argument, other_main);
  tealet_delete(fresh);
  tealet_delete(ended);
  tealet_finalize(other_main);
}

static void test_returning_another_tealet(void) {
  tealet_t* t = tealet_new(main_tealet);
  tealet_t* next = tealet_new(main_tealet);
  void* arg = next;

  result = 1;
  received = token(1);
  tealet_run(next, keeps_results, NULL, NULL, TEALET_START_SWITCH);
  CHECK(tealet_run(t, returns_its_argument, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(result == 0 && received == NULL);
  CHECK(tealet_previous(t) == next && tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
  tealet_delete(next);
}

/* --- chains ----------------------------------------------------------------------------------- */

static tealet_t* deepest;

static tealet_t* link_of_a_chain(tealet_t* current, void* arg) {
  pattern_t pattern;
  tealet_t* starter = tealet_previous(current);
  const long n = number(arg);

  pattern_init(&pattern, (unsigned int)n);
  if (n > 0) {
    tealet_t* next = tealet_new(current);
    arg = token(n - 1);
    CHECK(tealet_run(next, link_of_a_chain, &arg, NULL, TEALET_START_SWITCH) == 0);
    CHECK(arg == NULL && tealet_previous(current) == next);
    tealet_delete(next);
  } else {
    deepest = current;
    arg = token(20);
    CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
    CHECK(arg == token(21));
  }
  CHECK(pattern_intact(&pattern));
  return starter; /* which started this one */
}

static void test_a_chain_of_tealets(void) {
  tealet_t* first = tealet_new(main_tealet);
  void* arg = token(5);

  CHECK(tealet_run(first, link_of_a_chain, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(arg == token(20));
  CHECK(tealet_previous(main_tealet) == deepest);
  arg = token(21);
  CHECK(tealet_switch(deepest, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == NULL && tealet_previous(main_tealet) == first);
  tealet_delete(first);
}

int main(void) {
  tealet_stats_t before;
  tealet_stats_t after;

  main_tealet = tealet_initialize(NULL, 0);
  before = stats_of(main_tealet);
  test_arguments_both_ways();
  test_null_without_an_argument();
  test_a_return_hands_over_null();
  test_start_later();
  test_switching_to_oneself();
  test_panic();
  test_panic_before_it_began();
  test_wrong_targets();
  test_unknown_flags();
  test_run_wants_a_new_tealet_and_a_function();
  test_exit_with_every_flag();
  test_exit_to_another_tealet();
  test_exit_to_the_wrong_target();
  test_the_last_deferred_exit_counts();
  test_what_is_returned_goes_before_a_deferred_target();
  test_a_deferred_exit_that_fails();
  test_functions_that_return_nonsense();
  test_returning_another_tealet();
  test_a_chain_of_tealets();
  after = stats_of(main_tealet);
  CHECK(same_now(&before, &after));
  tealet_finalize(main_tealet);
  return checks_done();
}
