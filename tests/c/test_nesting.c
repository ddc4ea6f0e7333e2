/* Domains that are opened in tealets of other domains. */
#include "support.h"

static upstream_t upstream;
static tealet_t* outer;
static tealet_t* inner;
static tealet_t* inside; /* a tealet of `inner` */
static tealet_t* fresh;  /* likewise */

static void begin(void) {
  upstream_init(&upstream);
  outer = tealet_initialize(&upstream.alloc, 0);
}

static void finish(void) {
  tealet_finalize(outer);
  CHECK(upstream.blocks == 0);
}

static void begin_inner(void) {
  inner = tealet_initialize(&upstream.alloc, 8);
  inside = paused_echo(inner);
  fresh = tealet_new(inner);
}

static void check_inner_is_usable(void) {
  void* arg = token(1);

  CHECK(tealet_switch(inside, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(2));
  CHECK(tealet_switch(inner, NULL, TEALET_XFER_DEFAULT) == 0);
}

static void check_inner_is_out_of_reach(void) {
  char here[64];

  here[63] = 0;
  CHECK(tealet_switch(inside, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(inside, NULL, TEALET_XFER_NOFAIL) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(inner, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_run(fresh, echo, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_run(fresh, echo, NULL, NULL, TEALET_START_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_fork(fresh, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_set_far(inner, &here[63]) == TEALET_ERR_INVAL);
  CHECK(tealet_status(inside) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_status(fresh) == TEALET_STATUS_NEW);
}

static tealet_t* hosts_a_domain(tealet_t* current, void* arg) {
  pattern_t pattern;

  pattern_init(&pattern, 2);
  begin_inner();
  check_inner_is_usable();
  CHECK(!TEALET_RELATED(inner, current) && TEALET_RELATED(inner, inside));
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(pattern_intact(&pattern));
  check_inner_is_usable();
  CHECK(tealet_current(inner) == inner && tealet_current(outer) == current);
  if (arg != NULL) return current->main;
  tealet_finalize(inner);
  return current->main;
}

/* [c-elsewhere][nesting-usable] */
static void test_usable_while_its_tealet_runs(void) {
  tealet_t* host;

  begin();
  host = tealet_new(outer);
  CHECK(tealet_run(host, hosts_a_domain, NULL, NULL, TEALET_START_SWITCH) == 0);
  check_inner_is_out_of_reach();
  CHECK(tealet_switch(host, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(host) == TEALET_STATUS_EXITED);
  tealet_delete(host);
  finish();
}

/* [nesting-orphaned] */
static void test_it_outlives_its_tealet(void) {
  tealet_t* host;
  void* arg = token(1);

  /* Deleted while it was paused. */
  begin();
  host = tealet_new(outer);
  CHECK(tealet_run(host, hosts_a_domain, NULL, NULL, TEALET_START_SWITCH) == 0);
  tealet_delete(host);
  check_inner_is_out_of_reach();
  tealet_finalize(inner);
  finish();

  /* It ended. */
  begin();
  host = tealet_new(outer);
  CHECK(tealet_run(host, hosts_a_domain, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_switch(host, &arg, TEALET_XFER_DEFAULT) == 0);
  check_inner_is_out_of_reach();
  tealet_delete(host);
  tealet_finalize(inner);
  finish();
}

/* An exit that fails leaves the domains in the tealet as they were. */
static tealet_t* fails_to_exit(tealet_t* current, void* arg) {
  begin_inner();
  CHECK(tealet_exit((tealet_t*)arg, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  check_inner_is_usable();
  upstream.left = 0;
  CHECK(tealet_exit(current->main, NULL, TEALET_EXIT_DELETE) == TEALET_ERR_MEM);
  upstream.left = -1;
  check_inner_is_usable();
  tealet_exit(current->main, NULL, TEALET_EXIT_DELETE);
  return NULL;
}

/* In place when the tealet that it starts tries to exit. */
static tealet_t* starts_it(tealet_t* current, void* arg) {
  tealet_t* host = tealet_new(current);
  tealet_t* fresh_one = tealet_new(current);

  arg = fresh_one;
  CHECK(tealet_run(host, fails_to_exit, &arg, NULL, TEALET_START_SWITCH) == 0);
  return current->main;
}

static void test_an_exit_that_fails(void) {
  tealet_t* t;

  begin();
  t = tealet_new(outer);
  CHECK(tealet_run(t, starts_it, NULL, NULL, TEALET_START_SWITCH) == 0);
  check_inner_is_out_of_reach();
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  tealet_finalize(inner);
  finish();
}

/* --- switching across ------------------------------------------------------------------------- */

/* Part of main's execution: it pauses main of the outer domain with all that is in it. */
static tealet_t* echo_of_outer;

static tealet_t* uses_the_outer_domain(tealet_t* current, void* arg) {
  pattern_t pattern;
  int i;

  (void)arg;
  pattern_init(&pattern, 8);
  for (i = 0; i < 3; ++i) {
    arg = token(i);
    CHECK(tealet_switch(echo_of_outer, &arg, TEALET_XFER_DEFAULT) == 0);
    CHECK(arg == token(i + 1) && pattern_intact(&pattern));
    CHECK(tealet_current(inner) == current && tealet_current(outer) == outer);
    CHECK(tealet_switch(inside, &arg, TEALET_XFER_DEFAULT) == 0);
  }
  return current->main;
}

static void test_the_outer_domain_from_within(void) {
  tealet_t* t;
  int i;

  begin();
  echo_of_outer = paused_echo(outer);
  begin_inner();
  t = tealet_new(inner);
  CHECK(tealet_run(t, uses_the_outer_domain, NULL, NULL, TEALET_START_SWITCH) == 0);
  for (i = 0; i < 3; ++i) CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  CHECK(tealet_status(inside) == TEALET_STATUS_ACTIVE);
  tealet_finalize(inner);
  finish();
}

/* A fork of the enclosing tealet does not have the inner domain. */
static tealet_t* forks_with_a_domain(tealet_t* current, void* arg) {
  begin_inner();
  CHECK(tealet_fork((tealet_t*)arg, NULL, TEALET_START_SWITCH) == 0);
  if (tealet_current(current) == current) {
    check_inner_is_usable();
    tealet_finalize(inner);
  } else {
    check_inner_is_out_of_reach();
  }
  return current->main;
}

static void test_a_fork_has_no_inner_domain(void) {
  tealet_t* t;
  void* arg;

  begin();
  t = tealet_new(outer);
  arg = tealet_new(outer);
  CHECK(tealet_run(t, forks_with_a_domain, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  finish();
}

/* A failed use has no effect on the next one. */
static tealet_t* fails_and_is_gone(tealet_t* current, void* arg) {
  CHECK(tealet_switch((tealet_t*)arg, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  tealet_exit(current->main, NULL, TEALET_EXIT_DELETE);
  return NULL;
}

static void test_a_failed_use_from_a_tealet_that_is_gone(void) {
  tealet_t* echo_of_outer_domain;
  void* arg;

  begin();
  echo_of_outer_domain = paused_echo(outer);
  begin_inner();
  arg = tealet_new(outer);
  CHECK(tealet_run(tealet_new(inner), fails_and_is_gone, &arg, NULL, TEALET_START_SWITCH) == 0);
  arg = token(1);
  CHECK(tealet_switch(echo_of_outer_domain, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(2));
  check_inner_is_usable();
  tealet_finalize(inner);
  finish();
}

/* The same in a tealet of that domain: neither a fork nor a duplicate continues in it. */
static tealet_t* forks_the_outer_tealet(tealet_t* current, void* arg) {
  tealet_t* const host = tealet_current(outer);

  CHECK(tealet_fork((tealet_t*)arg, NULL, TEALET_START_SWITCH) == 0);
  if (tealet_current(outer) != host) {
    check_inner_is_out_of_reach();
    CHECK(tealet_switch(outer, NULL, TEALET_XFER_DEFAULT) == 0);
    check_inner_is_out_of_reach();
    tealet_exit(outer, NULL, TEALET_XFER_DEFAULT);
  }
  CHECK(tealet_current(inner) == current);
  CHECK(tealet_switch(outer, NULL, TEALET_XFER_DEFAULT) == 0);
  if (tealet_current(outer) != host) {
    check_inner_is_out_of_reach();
    tealet_exit(outer, NULL, TEALET_XFER_DEFAULT);
  }
  check_inner_is_usable();
  return current->main;
}

static tealet_t* hosts_a_tealet_that_forks(tealet_t* current, void* arg) {
  begin_inner();
  CHECK(tealet_run(tealet_new(inner), forks_the_outer_tealet, &arg, NULL, TEALET_START_SWITCH) ==
        0);
  tealet_finalize(inner);
  return current->main;
}

static void test_copies_made_inside_an_inner_domain(void) {
  tealet_t* host;
  tealet_t* copy;
  tealet_t* twin;
  void* arg;

  begin();
  host = tealet_new(outer);
  copy = tealet_new(outer);
  arg = copy;
  CHECK(tealet_run(host, hosts_a_tealet_that_forks, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_switch(copy, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(copy) == TEALET_STATUS_EXITED);
  CHECK(tealet_switch(host, NULL, TEALET_XFER_DEFAULT) == 0);
  twin = tealet_duplicate(host);
  CHECK(tealet_switch(twin, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(twin) == TEALET_STATUS_EXITED);
  CHECK(tealet_switch(host, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(host) == TEALET_STATUS_EXITED);
  finish();
}

/* Two domains are opened in a tealet that is then deleted, or ends. */
static tealet_t* first;

static tealet_t* hosts_two_domains(tealet_t* current, void* arg) {
  first = tealet_initialize(&upstream.alloc, 0);
  begin_inner();
  check_inner_is_usable();
  if (arg == NULL) CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0);
  return current->main;
}

static void test_two_domains_in_a_tealet_that_is_gone(int ends) {
  tealet_t* host;
  void* arg = ends ? token(1) : NULL;

  begin();
  host = tealet_new(outer);
  CHECK(tealet_run(host, hosts_two_domains, &arg, NULL, TEALET_START_SWITCH) == 0);
  tealet_delete(host);
  check_inner_is_out_of_reach();
  CHECK(tealet_switch(first, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(tealet_current(first), NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  /* In either order. */
  tealet_finalize(ends ? first : inner);
  CHECK(tealet_switch(ends ? inside : first, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  tealet_finalize(ends ? inner : first);
  finish();
}

int main(void) {
  test_usable_while_its_tealet_runs();
  test_it_outlives_its_tealet();
  test_an_exit_that_fails();
  test_the_outer_domain_from_within();
  test_a_failed_use_from_a_tealet_that_is_gone();
  test_a_fork_has_no_inner_domain();
  test_copies_made_inside_an_inner_domain();
  test_two_domains_in_a_tealet_that_is_gone(0);
  test_two_domains_in_a_tealet_that_is_gone(1);
  return checks_done();
}
