/* A domain on each of several threads, and its use on other threads. POSIX threads. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_getattr_np() */
#endif

#include <pthread.h>
#include <string.h>

#include "support.h"

static tealet_t* main_tealet;
static tealet_t* fresh;
static tealet_t* later;
static tealet_t* paused;
static tealet_t* stub_of_nobody;

static void* uses_it_all(void* arg) {
  CHECK(tealet_switch(paused, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(later, NULL, TEALET_XFER_FORCE) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(later, NULL, TEALET_XFER_NOFAIL) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(main_tealet, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_run(fresh, echo, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_run(fresh, echo, NULL, NULL, TEALET_START_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_fork(fresh, NULL, TEALET_START_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_exit(main_tealet, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_set_far(main_tealet, token(-1)) == TEALET_ERR_INVAL);
  CHECK(tealet_status(fresh) == TEALET_STATUS_NEW);
  return arg;
}

static void on_another_thread(void* (*function)(void* arg)) {
  pthread_t thread;

  CHECK(pthread_create(&thread, NULL, function, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}

static tealet_t* lets_another_thread_try(tealet_t* current, void* arg) {
  (void)arg;
  on_another_thread(uses_it_all);
  return current->main;
}

static void* exits_here(void* arg) {
  CHECK(tealet_exit(main_tealet, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_exit(main_tealet, NULL, TEALET_EXIT_DEFER) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(stub_of_nobody, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  return arg;
}

static tealet_t* stays_while_another_thread_tries(tealet_t* current, void* arg) {
  (void)arg;
  stub_of_nobody = current; /* the running tealet itself */
  on_another_thread(exits_here);
  return current->main;
}

/* [c-elsewhere] */
static void test_another_thread(void) {
  tealet_t* t;

  main_tealet = tealet_initialize(NULL, 0);
  fresh = tealet_new(main_tealet);
  later = tealet_new(main_tealet);
  CHECK(tealet_run(later, end_at_once, NULL, NULL, TEALET_START_DEFAULT) == 0);
  paused = paused_echo(main_tealet);
  on_another_thread(uses_it_all);
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, lets_another_thread_try, NULL, NULL, TEALET_START_SWITCH) == 0);
  tealet_delete(t);
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, stays_while_another_thread_tries, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_switch(paused, NULL, TEALET_XFER_DEFAULT) == 0);
  tealet_finalize(main_tealet);
}

/* --- a domain each ---------------------------------------------------------------------------- */

static tealet_t* accumulates(tealet_t* current, void* arg) {
  pattern_t pattern;
  long sum = 0;

  pattern_init(&pattern, 6);
  for (;;) {
    sum += number(arg);
    arg = token(sum);
    CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
    CHECK(pattern_intact(&pattern));
  }
  return NULL;
}

static void* works(void* result) {
  upstream_t upstream;
  tealet_t* mine;
  tealet_t* workers[5];
  long round;
  int i;
  long sum = 0;

  upstream_init(&upstream);
  mine = tealet_initialize(&upstream.alloc, 0);
  for (i = 0; i < 5; ++i) {
    workers[i] = tealet_new(mine);
    CHECK(tealet_run(workers[i], accumulates, NULL, NULL, TEALET_START_DEFAULT) == 0);
  }
  for (round = 0; round < 200; ++round) {
    for (i = 0; i < 5; ++i) {
      void* arg = token(round * i);
      CHECK(tealet_switch(workers[i], &arg, TEALET_XFER_DEFAULT) == 0);
      if (round == 199) sum += number(arg);
    }
  }
  CHECK(figures_hold(mine, &upstream));
  tealet_finalize(mine);
  CHECK(upstream.blocks == 0);
  *(long*)result = sum;
  return NULL;
}

static void test_a_domain_on_each_thread(void) {
  pthread_t threads[4];
  static long sums[4];
  int i;

  for (i = 0; i < 4; ++i) CHECK(pthread_create(&threads[i], NULL, works, &sums[i]) == 0);
  for (i = 0; i < 4; ++i) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(sums[i] == 199000);
  }
}

/* --- stack integrity -------------------------------------------------------------------------- */

static int modes[2] = {TEALET_STACK_GUARD_MODE_READONLY, TEALET_STACK_GUARD_MODE_NOACCESS};

/* What lies above a thread's stack is not watched, however much is asked for: its thread-local
 * variables among other things.
 */
static void* watches_as_much_as_there_is(void* arg) {
  int i;

  for (i = 0; i < 4; ++i) {
    tealet_t* mine = tealet_initialize(NULL, 0);
    tealet_config_t config = TEALET_CONFIG_INIT;

    config.flags =
        TEALET_CONFIGF_STACK_INTEGRITY | TEALET_CONFIGF_STACK_GUARD | TEALET_CONFIGF_STACK_SNAPSHOT;
    config.stack_integrity_bytes = (size_t)1 << 20;
    config.stack_guard_mode = modes[i % 2];
    config.stack_guard_limit = i < 2 ? NULL : token(-1);
    config.stack_integrity_fail_policy = TEALET_STACK_INTEGRITY_FAIL_ERROR;
    CHECK(tealet_configure_set(mine, &config) == 0);
    paused = paused_echo(mine);
    CHECK(tealet_switch(paused, NULL, TEALET_XFER_DEFAULT) == 0);
    tealet_finalize(mine);
  }
  return arg;
}

/* --- stack space ------------------------------------------------------------------------------ */

/* Contains the thread's own variables: under ThreadSanitizer nearly 1 MiB. */
#define STACK_SIZE ((size_t)4 << 20)

/* The lower end of this thread's stack. */
static void* end_of_stack(void) {
  pthread_attr_t attributes;
  void* lowest = NULL;
  size_t size = 0;

  CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
  CHECK(pthread_attr_getstack(&attributes, &lowest, &size) == 0);
  pthread_attr_destroy(&attributes);
  return lowest;
}

/* Calls `function` with 128 KiB of stack space left. */
static void near_the_end(void* end, void (*function)(void)) {
  pattern_t pattern;

  pattern_init(&pattern, 1);
  if (tealet_stack_diff(&pattern, end) > 128 * 1024) {
    near_the_end(end, function);
  } else {
    function();
  }
  CHECK(pattern_intact(&pattern));
}

static void start_without_room(void) {
  CHECK(tealet_run(fresh, echo, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_MEM);
  CHECK(tealet_run(fresh, echo, NULL, NULL, TEALET_START_DEFAULT) == TEALET_ERR_MEM);
  CHECK(tealet_status(fresh) == TEALET_STATUS_NEW);
  CHECK(tealet_switch(paused, NULL, TEALET_XFER_DEFAULT) == 0); /* it has its place */
}

static void* uses_all_of_its_stack(void* arg) {
  main_tealet = tealet_initialize(NULL, 0);
  paused = paused_echo(main_tealet);
  fresh = tealet_new(main_tealet);
  near_the_end(end_of_stack(), start_without_room);
  CHECK(tealet_run(fresh, end_at_once, NULL, NULL, TEALET_START_SWITCH) == 0);
  tealet_finalize(main_tealet);
  return arg;
}

/* [c-stack] */
static void test_room_to_start(void) {
  pthread_attr_t attributes;
  pthread_t thread;

  pthread_attr_init(&attributes);
  CHECK(pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0);
  CHECK(pthread_create(&thread, &attributes, uses_all_of_its_stack, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  pthread_attr_destroy(&attributes);
}

int main(void) {
  test_another_thread();
  test_a_domain_on_each_thread();
  on_another_thread(watches_as_much_as_there_is);
  test_room_to_start();
  return checks_done();
}
