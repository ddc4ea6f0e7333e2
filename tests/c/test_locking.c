/* The lock of a domain: which calls take it, and that each releases it. */
#include <string.h>

#include "support.h"

static upstream_t upstream;
static tealet_t* main_tealet;

static int held; /* how often */
static int locks;
static void* passed;

static void take(void* arg) {
  CHECK(held == 0);
  held += 1;
  locks += 1;
  passed = arg;
}

static void give(void* arg) {
  CHECK(held == 1);
  held -= 1;
  passed = arg;
}

/* How many times the lock was taken since the last call; it must not be held now. */
static int taken(void) {
  const int count = locks;

  CHECK(held == 0);
  locks = 0;
  return count;
}

static void begin(tealet_lock_mode_t mode) {
  tealet_lock_t lock;

  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 0);
  lock.mode = mode;
  lock.lock = take;
  lock.unlock = give;
  lock.arg = &lock;
  CHECK(tealet_configure_set_locking(main_tealet, &lock) == 0);
  lock.lock = NULL; /* it is copied */
  CHECK(taken() == 0);
}

static void finish(void) {
  CHECK(taken() == 0);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

static tealet_t* pauses(tealet_t* current, void* arg) {
  for (;;) {
    CHECK(taken() == 1); /* by the transfer that came here */
    CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  }
  return NULL;
}

/* With more below main than it had when `paused` began. */
static void switch_in_vain(void* paused) {
  CHECK(tealet_switch((tealet_t*)paused, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_MEM);
  CHECK(taken() == 1);
}

static tealet_t* returns(tealet_t* current, void* arg) {
  (void)arg;
  CHECK(taken() == 1);
  return current->main;
}

static tealet_t* exits(tealet_t* current, void* arg) {
  CHECK(taken() == 1);
  CHECK(tealet_exit(current, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_exit(current->main, NULL, 8) == TEALET_ERR_INVAL);
  CHECK(tealet_exit((tealet_t*)arg, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  CHECK(tealet_exit(current->main, NULL, TEALET_EXIT_DEFER) == 0);
  locks = 0;
  CHECK(held == 0);
  tealet_exit(current->main, NULL, TEALET_EXIT_DELETE);
  return NULL;
}

static tealet_t* returns_its_argument(tealet_t* current, void* arg) {
  (void)current;
  CHECK(taken() == 1);
  return (tealet_t*)arg;
}

static tealet_t* forks(tealet_t* current, void* arg) {
  tealet_t* copy = (tealet_t*)arg;

  taken();
  CHECK(tealet_fork(copy, &arg, TEALET_START_DEFAULT) == 0);
  CHECK(taken() == 1);
  CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(taken() == 1);
  return current->main;
}

static void test_every_call_takes_it_once(void) {
  tealet_t* t;
  tealet_t* twin;
  tealet_t* copy;
  void* arg;

  begin(TEALET_LOCK_AUTO);
  t = tealet_new(main_tealet);
  CHECK(taken() == 1);
  CHECK(tealet_run(t, pauses, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(taken() == 1);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(taken() == 1);
  twin = tealet_duplicate(t);
  CHECK(taken() == 1);
  tealet_delete(t);
  CHECK(taken() == 1);
  tealet_delete(twin);
  CHECK(taken() == 1);

  t = tealet_new(main_tealet);
  locks = 0;
  CHECK(tealet_run(t, returns, NULL, NULL, TEALET_START_DEFAULT) == 0);
  CHECK(taken() == 1);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(taken() == 1);
  tealet_delete(t);

  t = tealet_new(main_tealet);
  arg = tealet_new(main_tealet);
  locks = 0;
  CHECK(tealet_run(t, exits, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(taken() == 1);

  t = tealet_new(main_tealet);
  arg = copy = tealet_new(main_tealet);
  CHECK(tealet_run(t, forks, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(taken() == 1);
  CHECK(tealet_switch(copy, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(taken() == 1);
  tealet_delete(t);
  tealet_delete(copy);
  locks = 0;
  finish();
}

static void test_errors_give_it_back(void) {
  tealet_t* fresh;
  tealet_t* ended;
  tealet_t* paused;
  tealet_t* t;
  void* arg;

  begin(TEALET_LOCK_AUTO);
  fresh = tealet_new(main_tealet);
  ended = tealet_new(main_tealet);
  taken();
  tealet_run(ended, returns, NULL, NULL, TEALET_START_SWITCH);
  paused = tealet_new(main_tealet);
  taken();
  tealet_run(paused, pauses, NULL, NULL, TEALET_START_SWITCH);
  taken();

  CHECK(tealet_switch(fresh, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  taken();
  CHECK(tealet_switch(ended, NULL, TEALET_XFER_NOFAIL) == TEALET_ERR_INVAL);
  taken();
  CHECK(tealet_switch(main_tealet, NULL, TEALET_XFER_DEFAULT) == 0);
  taken();
  CHECK(tealet_run(ended, returns, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  taken();
  CHECK(tealet_run(fresh, NULL, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  taken();
  CHECK(tealet_fork(fresh, NULL, TEALET_START_SWITCH) == TEALET_ERR_UNFORKABLE);
  taken();
  CHECK(tealet_fork(ended, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  taken();
  CHECK(tealet_exit(paused, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  taken();
  CHECK(tealet_duplicate(main_tealet) == NULL);
  CHECK(taken() == 1);
  tealet_delete(main_tealet);
  CHECK(taken() == 1);

  upstream.left = 0;
  CHECK(tealet_new(main_tealet) == NULL);
  CHECK(taken() == 1);
  CHECK(tealet_duplicate(paused) == NULL);
  CHECK(taken() == 1);
  at_depth(5, switch_in_vain, paused);
  CHECK(tealet_run(fresh, returns, NULL, NULL, TEALET_START_DEFAULT) == TEALET_ERR_MEM);
  CHECK(taken() == 1);
  upstream.left = -1;

  t = tealet_new(main_tealet);
  taken();
  arg = ended; /* where nobody can go: main panics */
  CHECK(tealet_run(t, returns_its_argument, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  CHECK(taken() == 1);
  tealet_delete(t);
  t = tealet_new(main_tealet);
  taken();
  arg = NULL;
  CHECK(tealet_run(t, returns_its_argument, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  CHECK(taken() == 1);
  finish();
}

/* --- together with stack integrity ------------------------------------------------------------ */

static volatile char* touched;

static tealet_t* touches(tealet_t* current, void* arg) {
  *touched = (char)(*touched + 1);
  if (arg != NULL) {
    CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INTEGRITY);
    CHECK(held == 0);
    CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0);
    *touched = (char)(*touched + 1);
    CHECK(tealet_exit(current->main, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INTEGRITY);
    CHECK(held == 0);
    tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT);
    *touched = (char)(*touched + 1);
  }
  return current->main;
}

static void test_broken_integrity_gives_it_back(void) {
  volatile char mine[64];
  tealet_config_t config = TEALET_CONFIG_INIT;
  tealet_t* t;
  void* arg = token(1);

  mine[32] = 0;
  touched = &mine[32];
  begin(TEALET_LOCK_AUTO);
  config.flags = TEALET_CONFIGF_STACK_INTEGRITY | TEALET_CONFIGF_STACK_SNAPSHOT;
  config.stack_integrity_bytes = 4096;
  config.stack_integrity_fail_policy = TEALET_STACK_INTEGRITY_FAIL_ERROR;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
  CHECK(taken() == 0);
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, touches, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  taken();
  tealet_delete(t);
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, touches, &arg, NULL, TEALET_START_SWITCH) == 0);
  taken();
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  taken();
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_PANIC);
  taken();
  finish();
}

/* --- modes ------------------------------------------------------------------------------------ */

static void test_by_hand(void) {
  tealet_lock_t lock = {TEALET_LOCK_OFF, NULL, NULL, NULL};
  tealet_lock_t wrong;
  const int no_mode = 2;

  begin(TEALET_LOCK_OFF);
  passed = NULL;
  tealet_delete(paused_echo(main_tealet));
  CHECK(taken() == 0);
  tealet_lock(main_tealet);
  CHECK(held == 1 && passed != NULL);
  passed = NULL;
  tealet_unlock(main_tealet);
  CHECK(held == 0 && passed != NULL && taken() == 1);

  wrong = lock;
  memcpy(&wrong.mode, &no_mode, sizeof wrong.mode);
  CHECK(tealet_configure_set_locking(main_tealet, &wrong) == TEALET_ERR_INVAL);
  tealet_lock(main_tealet); /* the old one is still there */
  tealet_unlock(main_tealet);
  CHECK(taken() == 1);

  CHECK(tealet_configure_set_locking(main_tealet, &lock) == 0);
  tealet_lock(main_tealet);
  tealet_unlock(main_tealet);
  lock.mode = TEALET_LOCK_AUTO; /* without functions there is nothing to call */
  CHECK(tealet_configure_set_locking(main_tealet, &lock) == 0);
  tealet_delete(paused_echo(main_tealet));
  CHECK(taken() == 0);
  finish();

  begin(TEALET_LOCK_SWITCH);
  tealet_lock(main_tealet);
  CHECK(held == 1);
  tealet_unlock(main_tealet);
  CHECK(taken() == 1);
  CHECK(tealet_configure_set_locking(main_tealet, NULL) == 0);
  tealet_delete(paused_echo(main_tealet));
  tealet_lock(main_tealet);
  tealet_unlock(main_tealet);
  CHECK(TEALET_LOCK_SWITCH == TEALET_LOCK_AUTO);
  finish();
}

int main(void) {
  test_every_call_takes_it_once();
  test_errors_give_it_back();
  test_broken_integrity_gives_it_back();
  test_by_hand();
  return checks_done();
}
