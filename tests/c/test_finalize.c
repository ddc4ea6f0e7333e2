/* Where a domain may be finalized. Elsewhere that ends the program. POSIX. */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "death.h"
#include "support.h"

static upstream_t upstream;
static tealet_t* main_tealet;
static tealet_t* inner;

static void begin(void) {
  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 0);
}

static void* on_another_thread(void* (*function)(void* arg)) {
  pthread_t thread;
  void* result = NULL;

  CHECK(pthread_create(&thread, NULL, function, NULL) == 0);
  CHECK(pthread_join(thread, &result) == 0);
  return result;
}

static void* finalizes_here(void* arg) {
  tealet_finalize(main_tealet);
  return arg;
}

/* --- what ends the program -------------------------------------------------------------------- */

static tealet_t* finalizes(tealet_t* current, void* arg) {
  (void)arg;
  tealet_finalize(current);
  return current->main;
}

static void in_a_tealet(void) {
  begin();
  tealet_run(tealet_new(main_tealet), finalizes, NULL, NULL, TEALET_START_SWITCH);
}

static tealet_t* finalizes_elsewhere(tealet_t* current, void* arg) {
  (void)arg;
  on_another_thread(finalizes_here);
  return current->main;
}

static void on_another_thread_while_a_tealet_runs(void) {
  begin();
  tealet_run(tealet_new(main_tealet), finalizes_elsewhere, NULL, NULL, TEALET_START_SWITCH);
}

static tealet_t* goes_out(tealet_t* current, void* arg) {
  tealet_switch((tealet_t*)arg, NULL, TEALET_XFER_DEFAULT);
  return current->main;
}

/* In a tealet of the inner domain, while the enclosing tealet is paused. */
static tealet_t* begins_and_goes_out(tealet_t* current, void* arg) {
  arg = current->main;
  inner = tealet_initialize(&upstream.alloc, 0);
  tealet_run(tealet_new(inner), goes_out, &arg, NULL, TEALET_START_SWITCH);
  return current->main;
}

static void while_it_is_paused_in_a_tealet(void) {
  begin();
  tealet_run(tealet_new(main_tealet), begins_and_goes_out, NULL, NULL, TEALET_START_SWITCH);
  tealet_finalize(inner);
}

static tealet_t* forks_main_and_finalizes(tealet_t* copy, void* far) {
  CHECK(tealet_set_far(main_tealet, far) == 0);
  CHECK(tealet_fork(copy, NULL, TEALET_START_SWITCH) == 0);
  tealet_finalize(main_tealet);
  return copy;
}

static void in_a_fork_of_main(void) {
  char far[2];

  begin();
  forks_main_and_finalizes(tealet_new(main_tealet), &far[1]);
}

/* [nesting-finalize] */
static void test_what_ends_the_program(void) {
  CHECK(aborts(in_a_tealet));
  CHECK(strstr(said, "tealet_finalize") != NULL && strstr(said, "runs;") != NULL);
  CHECK(aborts(on_another_thread_while_a_tealet_runs));
  CHECK(strstr(said, "tealet_finalize") != NULL && strstr(said, "runs on another thread") != NULL);
  CHECK(aborts(while_it_is_paused_in_a_tealet));
  CHECK(aborts(in_a_fork_of_main));
}

/* --- what does not ---------------------------------------------------------------------------- */

static void* begins_here(void* arg) {
  (void)arg;
  begin();
  paused_echo(main_tealet);
  return main_tealet;
}

static void test_after_its_thread_has_ended(void) {
  CHECK(on_another_thread(begins_here) == main_tealet);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

/* The thread of the domain blocks, and may use another domain then. */
static void test_on_another_thread(void) {
  begin();
  paused_echo(main_tealet);
  on_another_thread(finalizes_here);
  CHECK(upstream.blocks == 0);
  begin();
  paused_echo(main_tealet);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

/* A process that was forked has only the thread that forked. */
static void* forks_and_finalizes(void* arg) {
  int status = 0;
  const pid_t child = fork();

  if (child == 0) {
    tealet_finalize(main_tealet);
    _exit(upstream.blocks != 0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  return arg;
}

static void test_in_a_child_without_its_thread(void) {
  begin();
  paused_echo(main_tealet);
  on_another_thread(forks_and_finalizes);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

static void* finalizes_inner(void* arg) {
  tealet_finalize(inner);
  return arg;
}

/* The enclosing tealet, or one farther out, has ended. A tealet of the domain ran last. */
/* [nesting-finalize] */
static void test_what_can_never_run_again(void) {
  tealet_t* host;
  int i;

  for (i = 0; i < 3; ++i) {
    begin();
    host = tealet_new(main_tealet);
    CHECK(tealet_run(host, begins_and_goes_out, NULL, NULL, TEALET_START_SWITCH) == 0);
    CHECK(tealet_current(inner) != inner);
    if (i == 0) {
      tealet_delete(host);
      tealet_finalize(inner);
      tealet_finalize(main_tealet);
    } else if (i == 1) {
      tealet_finalize(main_tealet);
      tealet_finalize(inner);
    } else {
      tealet_delete(host);
      on_another_thread(finalizes_inner);
      tealet_finalize(main_tealet);
    }
    CHECK(upstream.blocks == 0);
  }
}

static tealet_t* middle;

/* In a tealet of `middle`, which was begun in a tealet of main's. */
static tealet_t* begins_inner(tealet_t* current, void* arg) {
  arg = main_tealet;
  inner = tealet_initialize(&upstream.alloc, 0);
  tealet_run(tealet_new(inner), goes_out, &arg, NULL, TEALET_START_SWITCH);
  return current->main;
}

static tealet_t* begins_middle(tealet_t* current, void* arg) {
  (void)arg;
  middle = tealet_initialize(&upstream.alloc, 0);
  tealet_run(tealet_new(middle), begins_inner, NULL, NULL, TEALET_START_SWITCH);
  return current->main;
}

static void test_two_deep_in_what_is_gone(void) {
  tealet_t* host;

  begin();
  host = tealet_new(main_tealet);
  CHECK(tealet_run(host, begins_middle, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_current(inner) != inner && tealet_current(middle) != middle);
  tealet_delete(host);
  tealet_finalize(inner);
  tealet_finalize(middle);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

static tealet_t* begins_inner_and_goes_out(tealet_t* current, void* arg) {
  arg = main_tealet;
  inner = tealet_initialize(&upstream.alloc, 0);
  tealet_switch((tealet_t*)arg, NULL, TEALET_XFER_DEFAULT);
  return current->main;
}

static tealet_t* begins_middle_that_hosts(tealet_t* current, void* arg) {
  (void)arg;
  middle = tealet_initialize(&upstream.alloc, 0);
  tealet_run(tealet_new(middle), begins_inner_and_goes_out, NULL, NULL, TEALET_START_SWITCH);
  return current->main;
}

/* A use of the innermost domain climbs no farther than the orphaned one. */
static void test_use_two_deep_in_what_is_gone(void) {
  begin();
  CHECK(tealet_run(tealet_new(main_tealet), begins_middle_that_hosts, NULL, NULL,
                   TEALET_START_SWITCH) == 0);
  tealet_finalize(main_tealet);
  CHECK(tealet_switch(inner, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  tealet_finalize(inner);
  tealet_finalize(middle);
  CHECK(upstream.blocks == 0);
}

/* A forced switch makes the enclosing tealet defunct. */
static tealet_t* goes_out_by_force(tealet_t* current, void* arg) {
  upstream.left = 0;
  tealet_switch((tealet_t*)arg, NULL, TEALET_XFER_FORCE);
  return current->main;
}

static tealet_t* begins_and_goes_out_by_force(tealet_t* current, void* arg) {
  arg = current->main;
  inner = tealet_initialize(&upstream.alloc, 0);
  tealet_run(tealet_new(inner), goes_out_by_force, &arg, NULL, TEALET_START_SWITCH);
  return current->main;
}

static void test_in_a_defunct_tealet(void) {
  tealet_t* host;

  begin();
  host = tealet_new(main_tealet);
  CHECK(tealet_run(host, begins_and_goes_out_by_force, NULL, NULL, TEALET_START_SWITCH) == 0);
  upstream.left = -1;
  CHECK(tealet_status(host) == TEALET_STATUS_DEFUNCT);
  CHECK(tealet_current(inner) != inner);
  tealet_finalize(inner);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

/* Two domains there: a tealet of the first runs on top of one of the second. */
static tealet_t* second;

static tealet_t* enters_the_first(tealet_t* current, void* arg) {
  tealet_run(tealet_new(inner), goes_out_by_force, &arg, NULL, TEALET_START_SWITCH);
  return current->main;
}

static tealet_t* begins_two(tealet_t* current, void* arg) {
  arg = current->main;
  inner = tealet_initialize(&upstream.alloc, 0);
  second = tealet_initialize(&upstream.alloc, 0);
  tealet_run(tealet_new(second), enters_the_first, &arg, NULL, TEALET_START_SWITCH);
  return current->main;
}

static void test_two_in_a_defunct_tealet(void) {
  tealet_t* host;

  begin();
  host = tealet_new(main_tealet);
  CHECK(tealet_run(host, begins_two, NULL, NULL, TEALET_START_SWITCH) == 0);
  upstream.left = -1;
  CHECK(tealet_status(host) == TEALET_STATUS_DEFUNCT);
  tealet_finalize(second);
  CHECK(tealet_switch(inner, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  tealet_finalize(inner);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

int main(void) {
  test_what_ends_the_program();
  test_after_its_thread_has_ended();
  test_on_another_thread();
  test_in_a_child_without_its_thread();
  test_what_can_never_run_again();
  test_two_deep_in_what_is_gone();
  test_use_two_deep_in_what_is_gone();
  test_in_a_defunct_tealet();
  test_two_in_a_defunct_tealet();
  return checks_done();
}
