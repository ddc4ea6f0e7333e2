/* What can be configured, and stack integrity by comparing; guard pages are in test_guard_pages.c.
 * POSIX, for what ends the program.
 */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define INTEGRITY TEALET_CONFIGF_STACK_INTEGRITY
#define GUARD TEALET_CONFIGF_STACK_GUARD
#define SNAPSHOT TEALET_CONFIGF_STACK_SNAPSHOT
#define ALL (INTEGRITY | GUARD | SNAPSHOT)

static upstream_t upstream;
static tealet_t* main_tealet;

/* --- the structure ---------------------------------------------------------------------------- */

static void test_defaults(void) {
  tealet_config_t config = TEALET_CONFIG_INIT;
  tealet_config_t got = TEALET_CONFIG_INIT;

  CHECK(config.size == sizeof config && config.version == TEALET_CONFIG_VERSION_1);
  CHECK(config.flags == 0 && config.stack_integrity_bytes == 0);
  CHECK(config.max_stack_size == TEALET_DEFAULT_MAX_STACK_SIZE);
  memset(&got.flags, 0xff, sizeof got - offsetof(tealet_config_t, flags));
  CHECK(tealet_configure_get(main_tealet, &got) == 0);
  CHECK(memcmp(&got, &config, sizeof config) == 0);
}

static void test_what_is_no_configuration(void) {
  tealet_config_t config = TEALET_CONFIG_INIT;

  CHECK(tealet_configure_get(main_tealet, NULL) == TEALET_ERR_INVAL);
  CHECK(tealet_configure_set(main_tealet, NULL) == TEALET_ERR_INVAL);
  config.version = 2;
  CHECK(tealet_configure_get(main_tealet, &config) == TEALET_ERR_INVAL);
  CHECK(tealet_configure_set(main_tealet, &config) == TEALET_ERR_INVAL);
  config.version = TEALET_CONFIG_CURRENT_VERSION;
  config.size = offsetof(tealet_config_t, version);
  CHECK(tealet_configure_get(main_tealet, &config) == TEALET_ERR_INVAL);
  config.max_stack_size = 1;
  CHECK(tealet_configure_set(main_tealet, &config) == TEALET_ERR_INVAL);
  test_defaults(); /* still in force */
}

typedef struct canonical_t {
  unsigned int flags;
  size_t bytes;
  int mode;
  int policy;
  unsigned int flags_then;
  size_t bytes_then;
  int mode_then;
  int policy_then;
} canonical_t;

static void test_canonical_forms(void) {
  static const canonical_t table[] = {
      {0, 0, 0, 0, 0, 0, 0, 0},
      {0, 64, 1, 1, 0, 0, 0, 1},
      {INTEGRITY, 64, 1, 0, 0, 0, 0, 0}, /* neither guard nor snapshot */
      {GUARD, 64, 1, 0, 0, 0, 0, 0},     /* no integrity */
      {SNAPSHOT, 64, 0, 0, 0, 0, 0, 0},  /* no integrity */
      {GUARD | SNAPSHOT, 64, 1, 0, 0, 0, 0, 0},
      {ALL, 0, 1, 2, 0, 0, 0, 2}, /* no bytes */
      {INTEGRITY | SNAPSHOT, 64, 0, 0, INTEGRITY | SNAPSHOT, 64, 0, 0},
      {INTEGRITY | SNAPSHOT, 64, 2, 1, INTEGRITY | SNAPSHOT, 64, 0, 1}, /* a mode, no guard */
      {INTEGRITY | GUARD, 64, 0, 2, INTEGRITY | GUARD, 64, 2, 2},       /* a guard, no mode */
      {INTEGRITY | GUARD, 64, 1, 1, INTEGRITY | GUARD, 64, 1, 1},
      {INTEGRITY | GUARD, 64, 2, 1, INTEGRITY | GUARD, 64, 2, 1},
      {INTEGRITY | GUARD, 64, 3, 1, INTEGRITY | GUARD, 64, 2, 1}, /* an unknown mode */
      {ALL, 5, 1, 3, ALL, 5, 1, 0},                               /* an unknown policy */
      {ALL, 5, 1, -1, ALL, 5, 1, 0},
      {ALL | 8U, 5, 1, 1, ALL, 5, 1, 1}, /* an unknown flag */
      {8U, 5, 1, 1, 0, 0, 0, 1}};
  size_t i;

  for (i = 0; i < sizeof table / sizeof table[0]; ++i) {
    const canonical_t* row = &table[i];
    tealet_config_t config = TEALET_CONFIG_INIT;
    tealet_config_t got = TEALET_CONFIG_INIT;

    config.flags = row->flags;
    config.stack_integrity_bytes = row->bytes;
    config.stack_guard_mode = row->mode;
    config.stack_integrity_fail_policy = row->policy;
    config.stack_guard_limit = &config;
    config.max_stack_size = 1 << 20;
    CHECK(tealet_configure_set(main_tealet, &config) == 0);
    CHECK(config.flags == row->flags_then && config.stack_integrity_bytes == row->bytes_then);
    CHECK(config.stack_guard_mode == row->mode_then);
    CHECK(config.stack_integrity_fail_policy == row->policy_then);
    CHECK(config.stack_guard_limit == &config && config.max_stack_size == 1 << 20);
    CHECK(tealet_configure_get(main_tealet, &got) == 0);
    CHECK(memcmp(&got, &config, sizeof got) == 0);
  }
}

static void test_structures_of_other_sizes(void) {
  /* An older program knows the first members only; a newer one more than there are. */
  struct {
    tealet_config_t config;
    char further[16];
  } newer;
  tealet_config_t older;
  size_t size;

  memset(&newer, 0x77, sizeof newer);
  newer.config.size = sizeof newer;
  newer.config.version = TEALET_CONFIG_CURRENT_VERSION;
  CHECK(tealet_configure_get(main_tealet, &newer.config) == 0);
  CHECK(newer.config.size == sizeof newer && newer.further[0] == 0x77);
  newer.config.flags = ALL;
  newer.config.stack_integrity_bytes = 100;
  newer.config.stack_integrity_fail_policy = TEALET_STACK_INTEGRITY_FAIL_ERROR;
  newer.config.max_stack_size = 1 << 21;
  CHECK(tealet_configure_set(main_tealet, &newer.config) == 0);
  CHECK(newer.config.size == sizeof newer && newer.further[0] == 0x77);

  /* Also if a member is cut in half. */
  for (size = offsetof(tealet_config_t, flags); size <= sizeof older; ++size) {
    memset(&older, 0x77, sizeof older);
    older.size = size;
    older.version = TEALET_CONFIG_CURRENT_VERSION;
    CHECK(tealet_configure_get(main_tealet, &older) == 0);
    CHECK(older.size == size);
#define FITS(member) (offsetof(tealet_config_t, member) + sizeof older.member <= size)
    CHECK(older.flags == (FITS(flags) ? ALL : 0x77777777U));
    CHECK(older.stack_integrity_bytes ==
          (FITS(stack_integrity_bytes) ? 100 : (size_t)0x7777777777777777ULL));
    CHECK(older.stack_guard_mode == (FITS(stack_guard_mode) ? 2 : 0x77777777));
    CHECK(older.stack_integrity_fail_policy ==
          (FITS(stack_integrity_fail_policy) ? 1 : 0x77777777));
    CHECK(older.max_stack_size ==
          (FITS(max_stack_size) ? (size_t)1 << 21 : (size_t)0x7777777777777777ULL));
  }

  /* Members that the caller does not know get their defaults. */
  for (size = offsetof(tealet_config_t, flags); size <= sizeof older; ++size) {
    tealet_config_t got = TEALET_CONFIG_INIT;
    memset(&older, 0, sizeof older);
    older.size = size;
    older.version = TEALET_CONFIG_CURRENT_VERSION;
    older.max_stack_size = (size_t)1 << 22;
    older.stack_integrity_fail_policy = TEALET_STACK_INTEGRITY_FAIL_ABORT;
    CHECK(tealet_configure_set(main_tealet, &older) == 0);
    CHECK(tealet_configure_get(main_tealet, &got) == 0);
    CHECK(got.max_stack_size ==
          (FITS(max_stack_size) ? (size_t)1 << 22 : TEALET_DEFAULT_MAX_STACK_SIZE));
    CHECK(got.stack_integrity_fail_policy == (FITS(stack_integrity_fail_policy) ? 2 : 0));
  }
}

/* In a frame of its own: called through a pointer, it is not inlined into a large one. */
static void check_stack_from_here(void) {
  tealet_config_t config = TEALET_CONFIG_INIT;
  char here = 0;

  CHECK(tealet_configure_check_stack(main_tealet, 0) == 0);
  CHECK(tealet_configure_get(main_tealet, &config) == 0);
  CHECK((char*)config.stack_guard_limit <= &here && config.stack_guard_limit != NULL);
  CHECK(tealet_stack_diff(&here, config.stack_guard_limit) < 4096);
}

static void test_check_stack(void) {
  void (*volatile from_here)(void) = check_stack_from_here;
  tealet_config_t config = TEALET_CONFIG_INIT;

  config.max_stack_size = 1 << 20;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
  from_here();
  CHECK(tealet_configure_get(main_tealet, &config) == 0);
  CHECK(config.flags == ALL);
  CHECK(config.stack_integrity_bytes == (size_t)sysconf(_SC_PAGESIZE));
  CHECK(config.stack_guard_mode == TEALET_STACK_GUARD_MODE_NOACCESS);
  CHECK(config.stack_integrity_fail_policy == TEALET_STACK_INTEGRITY_FAIL_ERROR);
  CHECK(config.max_stack_size == 1 << 20);
  CHECK(tealet_configure_check_stack(main_tealet, 12345) == 0);
  CHECK(tealet_configure_get(main_tealet, &config) == 0);
  CHECK(config.stack_integrity_bytes == 12345);
}

static void test_no_memory_for_the_copy(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  tealet_config_t config = TEALET_CONFIG_INIT;
  tealet_config_t got = TEALET_CONFIG_INIT;
  const tealet_stats_t before = stats_of(main_tealet);
  tealet_stats_t after;

  config.flags = INTEGRITY | SNAPSHOT;
  config.stack_integrity_bytes = 300;
  config.max_stack_size = 1 << 20;
  upstream.left = 0;
  CHECK(tealet_configure_set(main_tealet, &config) == TEALET_ERR_MEM);
  CHECK(tealet_configure_check_stack(main_tealet, 100) == TEALET_ERR_MEM);
  CHECK(tealet_configure_get(main_tealet, &got) == 0);
  CHECK(got.flags == 0 && got.max_stack_size == TEALET_DEFAULT_MAX_STACK_SIZE);
  upstream.left = -1;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
  after = stats_of(main_tealet);
  CHECK(!counting(main_tealet) || after.bytes_allocated == before.bytes_allocated + 300);
  CHECK(figures_hold(main_tealet, &upstream));
  /* Less than a page on each side is not guarded. */
  config.flags = ALL;
  config.stack_integrity_bytes = 100 * page;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
  after = stats_of(main_tealet);
  CHECK(!counting(main_tealet) || after.bytes_allocated == before.bytes_allocated + 2 * page);
  config.flags = 0;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
  after = stats_of(main_tealet);
  CHECK(same_now(&before, &after));
}

static void run_once(tealet_run_t run, int result) {
  tealet_t* t = tealet_new(main_tealet);

  CHECK(tealet_run(t, run, NULL, NULL, TEALET_START_SWITCH) == result);
  tealet_delete(t);
}

/* --- max_stack_size --------------------------------------------------------------------------- */

static tealet_t* paused;
static int expected;

static tealet_t* exits_from_here(tealet_t* current, void* arg) {
  CHECK(tealet_exit(current->main, arg, TEALET_XFER_DEFAULT) == expected);
  return current->main;
}

static void transfer_from_here(void* arg) {
  tealet_t* fresh = tealet_new(main_tealet);
  tealet_t* later = tealet_new(main_tealet);

  CHECK(tealet_switch(paused, NULL, TEALET_XFER_DEFAULT) == expected);
  CHECK(tealet_switch(paused, NULL, TEALET_XFER_NOFAIL) == expected);
  CHECK(tealet_run(later, echo, NULL, NULL, TEALET_START_DEFAULT) == expected);
  CHECK(tealet_run(fresh, exits_from_here, NULL, NULL, TEALET_START_SWITCH) == expected);
  if (arg != NULL) CHECK(tealet_fork(fresh, NULL, TEALET_START_DEFAULT) == expected);
  CHECK(tealet_switch(main_tealet, NULL, TEALET_XFER_DEFAULT) == 0);
  tealet_delete(fresh);
  tealet_delete(later);
}

static void exit_too_far_away(void* arg) {
  CHECK(tealet_exit(main_tealet, arg, TEALET_XFER_FORCE) == TEALET_ERR_INVAL);
}

static tealet_t* exits_too_far_away(tealet_t* current, void* arg) {
  at_depth(60, exit_too_far_away, arg);
  return current->main;
}

static void test_max_stack_size(void) {
  tealet_config_t config = TEALET_CONFIG_INIT;

  paused = paused_echo(main_tealet);
  expected = 0;
  at_depth(60, transfer_from_here, NULL);
  config.max_stack_size = 12000;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
  at_depth(0, transfer_from_here, NULL);
  expected = TEALET_ERR_INVAL;
  at_depth(60, transfer_from_here, &config);
  run_once(exits_too_far_away, 0);
  config.max_stack_size = 0;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
  expected = 0;
  at_depth(60, transfer_from_here, NULL);
  config.max_stack_size = 1;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
  expected = TEALET_ERR_INVAL;
  at_depth(3, transfer_from_here, &config);
}

/* --- comparing -------------------------------------------------------------------------------- */

static void watch(size_t bytes, int policy, void* limit) {
  tealet_config_t config = TEALET_CONFIG_INIT;

  config.flags = INTEGRITY | SNAPSHOT;
  config.stack_integrity_bytes = bytes;
  config.stack_integrity_fail_policy = policy;
  config.stack_guard_limit = limit;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
}

static volatile char* touched; /* beyond the far end of the tealet that runs */

static void touch(void) { *touched = (char)(*touched + 1); }

static tealet_t* touches_and_switches(tealet_t* current, void* arg) {
  tealet_t* other = tealet_new(current);

  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0); /* nothing is touched yet */
  touch();
  arg = token(1);
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == TEALET_ERR_INTEGRITY);
  CHECK(arg == token(1) && tealet_current(current) == current);
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0); /* compares no more */
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0); /* but again after that */
  touch();
  CHECK(tealet_run(other, end_at_once, NULL, NULL, TEALET_START_SWITCH) == TEALET_ERR_INTEGRITY);
  CHECK(tealet_status(other) == TEALET_STATUS_NEW);
  CHECK(tealet_run(other, end_at_once, NULL, NULL, TEALET_START_DEFAULT) == 0);
  touch();
  CHECK(tealet_exit(current->main, NULL, TEALET_XFER_FORCE) == TEALET_ERR_INTEGRITY);
  CHECK(tealet_exit(current->main, NULL, TEALET_EXIT_DEFER) == 0);
  CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0);
  tealet_delete(other);
  other = tealet_new(current);
  touch();
  CHECK(tealet_fork(other, NULL, TEALET_START_DEFAULT) == TEALET_ERR_INTEGRITY);
  CHECK(tealet_status(other) == TEALET_STATUS_NEW);
  tealet_delete(other);
  CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0);
  touch();
  tealet_exit(current->main, NULL, TEALET_XFER_DEFAULT);
  tealet_exit(current->main, token(9), TEALET_XFER_DEFAULT);
  NEVER("an exit returned");
  return NULL;
}

static tealet_t* touches_and_returns(tealet_t* current, void* arg) {
  (void)arg;
  touch();
  return current->main;
}

/* `mine` is beyond the far end of the tealets that run here. */
static void run_and_touch(int policy) {
  volatile char mine[256];
  tealet_t* t = tealet_new(main_tealet);
  void* arg = NULL;
  int i;

  memset((void*)mine, 0, sizeof mine);
  touched = &mine[200];
  watch(4000, policy, NULL);
  CHECK(tealet_run(t, touches_and_switches, &arg, NULL, TEALET_START_SWITCH) == 0);
  for (i = 0; i < 5; ++i) {
    touch(); /* main is not watched */
    CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
  }
  CHECK(arg == token(9) && tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);

  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, touches_and_returns, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
}

static void test_what_is_watched(void) {
  volatile char mine[4096];
  char* far;
  tealet_t* t;

  memset((void*)mine, 0, sizeof mine);
  watch(1024, TEALET_STACK_INTEGRITY_FAIL_ERROR, NULL);
  touched = &mine[4000]; /* farther than the watched bytes */
  run_once(touches_and_returns, 0);
  watch(4096 + 8192, TEALET_STACK_INTEGRITY_FAIL_ERROR, NULL);
  run_once(touches_and_returns, TEALET_ERR_PANIC);
  watch(4096 + 8192, TEALET_STACK_INTEGRITY_FAIL_ERROR, (void*)&mine[4000]); /* up to a limit */
  run_once(touches_and_returns, 0);
  touched = &mine[3999];
  run_once(touches_and_returns, TEALET_ERR_PANIC);
  watch(4096 + 8192, TEALET_STACK_INTEGRITY_FAIL_ERROR, token(1)); /* nearer */
  run_once(touches_and_returns, 0);

  /* From the far end up, to the byte. */
  far = (char*)&mine[100];
  t = tealet_new(main_tealet);
  watch(50, TEALET_STACK_INTEGRITY_FAIL_ERROR, NULL);
  touched = far + 50;
  CHECK(tealet_run(t, touches_and_returns, NULL, far, TEALET_START_SWITCH) == 0);
  tealet_delete(t);
  t = tealet_new(main_tealet);
  touched = far + 49;
  CHECK(tealet_run(t, touches_and_returns, NULL, far, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  tealet_delete(t);
  t = tealet_new(main_tealet);
  touched = far;
  CHECK(tealet_run(t, touches_and_returns, NULL, far, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  tealet_delete(t);
  t = tealet_new(main_tealet);
  touched = far - 1; /* its own */
  CHECK(tealet_run(t, touches_and_returns, NULL, far, TEALET_START_SWITCH) == 0);
  tealet_delete(t);

  /* More than there is. */
  watch((size_t)1 << 24, TEALET_STACK_INTEGRITY_FAIL_ERROR, NULL);
  touched = &mine[4000];
  run_once(touches_and_returns, TEALET_ERR_PANIC);
}

static tealet_t* changes_what_is_watched(tealet_t* current, void* arg) {
  watch(0, TEALET_STACK_INTEGRITY_FAIL_ERROR, NULL);
  touch();
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  touch();
  watch(4096, TEALET_STACK_INTEGRITY_FAIL_ERROR, NULL); /* from now on */
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  touch();
  upstream.left = 0;
  {
    tealet_config_t config = TEALET_CONFIG_INIT;
    config.flags = INTEGRITY | SNAPSHOT;
    config.stack_integrity_bytes = 64;
    CHECK(tealet_configure_set(current, &config) == TEALET_ERR_MEM);
  }
  upstream.left = -1;
  touch(); /* still watched */
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == TEALET_ERR_INTEGRITY);
  return current->main;
}

static void test_changing_it_in_a_watched_tealet(void) {
  volatile char mine[64];
  tealet_t* t = tealet_new(main_tealet);

  memset((void*)mine, 0, sizeof mine);
  touched = &mine[32];
  watch(4096, TEALET_STACK_INTEGRITY_FAIL_ERROR, NULL);
  CHECK(tealet_run(t, changes_what_is_watched, NULL, NULL, TEALET_START_SWITCH) == 0);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
}

static tealet_t* copies_itself_and_touches(tealet_t* current, void* arg) {
  tealet_t* copy = (tealet_t*)arg;
  void* value = NULL;

  CHECK(tealet_fork(copy, &value, TEALET_START_DEFAULT) == 0);
  if (value == NULL) {
    CHECK(tealet_switch(current->main, &value, TEALET_XFER_DEFAULT) == 0);
  }
  touch();
  CHECK(tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_INTEGRITY);
  return current->main;
}

static void test_copies_are_watched(void) {
  volatile char mine[64];
  tealet_t* t = tealet_new(main_tealet);
  tealet_t* copy = tealet_new(main_tealet);
  tealet_t* twin;
  void* arg = copy;

  memset((void*)mine, 0, sizeof mine);
  touched = &mine[32];
  watch(4096, TEALET_STACK_INTEGRITY_FAIL_ERROR, NULL);
  CHECK(tealet_run(t, copies_itself_and_touches, &arg, NULL, TEALET_START_SWITCH) == 0);
  twin = tealet_duplicate(t);
  arg = token(1);
  CHECK(tealet_switch(copy, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(copy) == TEALET_STATUS_EXITED);
  CHECK(tealet_switch(twin, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(twin) == TEALET_STATUS_EXITED);
  tealet_delete(t);
  tealet_delete(copy);
  tealet_delete(twin);
}

/* Main and its forks are not watched. */
static void test_forks_of_main_are_not_watched(void* far) {
  volatile char mine[64];
  tealet_t* copy = tealet_new(main_tealet);

  memset((void*)mine, 0, sizeof mine);
  touched = (volatile char*)far;
  watch(4096, TEALET_STACK_INTEGRITY_FAIL_ERROR, NULL);
  CHECK(tealet_set_far(main_tealet, far) == 0);
  CHECK(tealet_fork(copy, NULL, TEALET_START_SWITCH) == 0);
  touch();
  if (tealet_current(copy) == copy) {
    CHECK(tealet_switch(main_tealet, NULL, TEALET_XFER_DEFAULT) == 0);
    touch();
    tealet_exit(main_tealet, NULL, TEALET_EXIT_DELETE);
    NEVER("an exit returned");
  }
  CHECK(tealet_switch(copy, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_previous(main_tealet) == NULL);
}

/* --- policies --------------------------------------------------------------------------------- */

/* The signal that ends a process which breaks stack integrity under a policy; 0 if none does. */
static int signal_of(int policy, tealet_run_t run) {
  const pid_t child = fork();
  int status = 0;

  if (child == 0) {
    const struct rlimit no_core = {0, 0};
    volatile char mine[64];
    tealet_t* t = tealet_new(main_tealet);

    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);
    CHECK(freopen("/dev/null", "w", stderr) != NULL);
    memset((void*)mine, 0, sizeof mine);
    touched = &mine[32];
    watch(4096, policy, NULL);
    tealet_run(t, run, NULL, NULL, TEALET_START_SWITCH);
    while (tealet_status(t) == TEALET_STATUS_ACTIVE) tealet_switch(t, NULL, TEALET_XFER_DEFAULT);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* [c-integrity] */
static void test_policies(void) {
  const int abort_policy = TEALET_STACK_INTEGRITY_FAIL_ABORT;
  const int assert_policy = TEALET_STACK_INTEGRITY_FAIL_ASSERT;

  CHECK(signal_of(abort_policy, touches_and_returns) == SIGABRT);
  CHECK(signal_of(abort_policy, touches_and_switches) == SIGABRT);
  CHECK(signal_of(abort_policy, end_at_once) == 0);
#ifdef NDEBUG
  run_and_touch(assert_policy);
#else
  CHECK(signal_of(assert_policy, touches_and_returns) == SIGABRT);
#endif
  CHECK(signal_of(assert_policy, end_at_once) == 0);
  CHECK(signal_of(TEALET_STACK_INTEGRITY_FAIL_ERROR, touches_and_returns) == 0);
}

static void begin(void) {
  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 0);
}

static void finish(void) {
  CHECK(figures_hold(main_tealet, &upstream));
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

int main(void) {
  char far[600];

  memset(far, 0, sizeof far);
  begin();
  test_defaults();
  test_what_is_no_configuration();
  test_canonical_forms();
  test_structures_of_other_sizes();
  finish();
  begin();
  test_check_stack();
  finish();
  begin();
  test_no_memory_for_the_copy();
  finish();
  begin();
  test_max_stack_size();
  finish();
  begin();
  run_and_touch(TEALET_STACK_INTEGRITY_FAIL_ERROR);
  test_what_is_watched();
  test_changing_it_in_a_watched_tealet();
  test_copies_are_watched();
  test_policies();
  test_forks_of_main_are_not_watched(&far[500]);
  finish();
  return checks_done();
}
