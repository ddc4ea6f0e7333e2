/* What a program must not do: each of these ends the process, with one line on stderr that names
 * the function and the state. And what is close to it, but allowed. POSIX threads.
 */
#define _POSIX_C_SOURCE 200809L

#include <tealet/tealet_extras.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "death.h"
#include "support.h"

static upstream_t upstream;
static tealet_t* main_tealet;
static tealet_t* inner;

static void begin(void) {
  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 0);
}

static void finish(void) {
  verify(main_tealet);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

/* Whether the line has the form "tealet: NAME(): ... (state: ...)" with both texts in it. */
static int line_is(const char* name, const char* wrong, const char* state) {
  char start[128];
  const char* const at = strstr(said, " (state: ");
  const int found = strncmp(said, "tealet: ", 8) == 0 && at != NULL &&
                    strncmp(strchr(at, '\0') - 2, ")\n", 2) == 0 && strstr(at, state) != NULL;

  strcpy(start, "tealet: ");
  strcat(start, name);
  strcat(start, "(): ");
  if (found && strncmp(said, start, strlen(start)) == 0 && strstr(said, wrong) != NULL) return 1;
  printf("not %s..%s..%s: %s\n", start, wrong, state, said);
  return 0;
}

#define ENDS(function, name, wrong, state) CHECK(aborts(function) && line_is(name, wrong, state))

/* --- no tealet -------------------------------------------------------------------------------- */

static int which;
static tealet_t* created;
static tealet_stats_t stats;
static tealet_config_t config = TEALET_CONFIG_INIT;

static const char* const names[] = {"tealet_finalize",
                                    "tealet_new",
                                    "tealet_run",
                                    "tealet_fork",
                                    "tealet_switch",
                                    "tealet_exit",
                                    "tealet_duplicate",
                                    "tealet_delete",
                                    "tealet_current",
                                    "tealet_previous",
                                    "tealet_main_userpointer",
                                    "tealet_get_origin",
                                    "tealet_status",
                                    "tealet_get_stacksize",
                                    "tealet_get_far",
                                    "tealet_get_stats",
                                    "tealet_reset_peak_stats",
                                    "tealet_set_far",
                                    "tealet_configure_get",
                                    "tealet_configure_set",
                                    "tealet_configure_check_stack",
                                    "tealet_configure_set_locking",
                                    "tealet_lock",
                                    "tealet_unlock",
                                    "tealet_malloc",
                                    "tealet_free",
                                    "tealet_spawn",
                                    "tealet_stub_new",
                                    "tealet_stub_run"};

/* With no tealet at all. */
static void calls(void) {
  switch (which) {
    case 0:
      tealet_finalize(NULL);
      break;
    case 1:
      tealet_new(NULL);
      break;
    case 2:
      tealet_run(NULL, echo, NULL, NULL, TEALET_START_SWITCH);
      break;
    case 3:
      tealet_fork(NULL, NULL, TEALET_START_SWITCH);
      break;
    case 4:
      tealet_switch(NULL, NULL, TEALET_XFER_DEFAULT);
      break;
    case 5:
      tealet_exit(NULL, NULL, TEALET_XFER_DEFAULT);
      break;
    case 6:
      tealet_duplicate(NULL);
      break;
    case 7:
      tealet_delete(NULL);
      break;
    case 8:
      tealet_current(NULL);
      break;
    case 9:
      tealet_previous(NULL);
      break;
    case 10:
      tealet_main_userpointer(NULL);
      break;
    case 11:
      tealet_get_origin(NULL);
      break;
    case 12:
      tealet_status(NULL);
      break;
    case 13:
      tealet_get_stacksize(NULL);
      break;
    case 14:
      tealet_get_far(NULL);
      break;
    case 15:
      tealet_get_stats(NULL, &stats);
      break;
    case 16:
      tealet_reset_peak_stats(NULL);
      break;
    case 17:
      tealet_set_far(NULL, NULL);
      break;
    case 18:
      tealet_configure_get(NULL, &config);
      break;
    case 19:
      tealet_configure_set(NULL, &config);
      break;
    case 20:
      tealet_configure_check_stack(NULL, 0);
      break;
    case 21:
      tealet_configure_set_locking(NULL, NULL);
      break;
    case 22:
      tealet_lock(NULL);
      break;
    case 23:
      tealet_unlock(NULL);
      break;
    case 24:
      tealet_malloc(NULL, 8);
      break;
    case 25:
      tealet_free(NULL, NULL);
      break;
    case 26:
      tealet_spawn(NULL, &created, echo, NULL, NULL, TEALET_START_SWITCH);
      break;
    case 27:
      tealet_stub_new(NULL, &created, NULL);
      break;
    default:
      tealet_stub_run(NULL, echo, NULL);
      break;
  }
}

static tealet_t* calls_in_a_tealet(tealet_t* current, void* arg) {
  (void)arg;
  calls();
  return current->main;
}

static void calls_while_a_tealet_runs(void) {
  begin();
  tealet_run(tealet_new(main_tealet), calls_in_a_tealet, NULL, NULL, TEALET_START_SWITCH);
}

static void test_no_tealet(void) {
  for (which = 0; which < (int)(sizeof names / sizeof *names); ++which) {
    ENDS(calls, names[which], "is NULL", "no tealet runs on this thread");
    ENDS(calls_while_a_tealet_runs, names[which], "is NULL", "a tealet runs on this thread");
  }
}

static void counts_for_nothing(void) { tealet_statsalloc_init(NULL, &upstream.alloc); }

static void counts_on_nothing(void) {
  tealet_statsalloc_t alloc;

  tealet_statsalloc_init(&alloc, NULL);
}

static void test_no_structure(void) {
  ENDS(counts_for_nothing, "tealet_statsalloc_init", "`alloc` is NULL", "no tealet runs");
  ENDS(counts_on_nothing, "tealet_statsalloc_init", "`base` is NULL", "no tealet runs");
}

/* --- the allocator ---------------------------------------------------------------------------- */

static void cannot_free(void) {
  upstream_init(&upstream);
  upstream.alloc.free_p = NULL;
  tealet_initialize(&upstream.alloc, 0);
}

static void cannot_allocate(void) {
  upstream_init(&upstream);
  upstream.alloc.malloc_p = NULL;
  tealet_initialize(&upstream.alloc, 0);
}

static int blocks_left; /* that are aligned */

static void* misaligned_malloc(size_t size, void* context) {
  char* const block = (char*)tealet_alloc_malloc(size + 8, context);

  return blocks_left-- > 0 ? block : block + 8;
}

static void keeps_all(void* ptr, void* context) {
  (void)ptr;
  (void)context;
}

static void misaligns_its_blocks(void) {
  tealet_alloc_t alloc = {misaligned_malloc, keeps_all, NULL};

  tealet_initialize(&alloc, 0);
}

static void test_allocators(void) {
  ENDS(cannot_free, "tealet_initialize", "lacks a function", "malloc_p is set, free_p is NULL");
  ENDS(cannot_allocate, "tealet_initialize", "lacks a function", "malloc_p is NULL, free_p is set");
  blocks_left = 0;
  ENDS(misaligns_its_blocks, "tealet_alloc_t::malloc_p", "not aligned to 16 bytes",
       "the block is at ");
  blocks_left = 1;
  ENDS(misaligns_its_blocks, "tealet_alloc_t::malloc_p", "not aligned to 16 bytes",
       "the block is at ");
}

/* --- callbacks -------------------------------------------------------------------------------- */

typedef void (*action_t)(void);

static action_t on_lock;
static action_t on_unlock;

static void run_once(action_t* action) {
  const action_t now = *action;

  *action = NULL;
  if (now != NULL) now();
}

static void takes(void* arg) {
  (void)arg;
  run_once(&on_lock);
}

static void gives(void* arg) {
  (void)arg;
  run_once(&on_unlock);
}

static tealet_t* other;

static void begin_with_lock(tealet_lock_mode_t mode) {
  tealet_lock_t locking;

  locking.mode = mode;
  locking.lock = takes;
  locking.unlock = gives;
  locking.arg = NULL;
  begin();
  other = paused_echo(main_tealet);
  CHECK(tealet_configure_set_locking(main_tealet, &locking) == 0);
}

static void makes_one(void) { created = tealet_new(main_tealet); }
static void switches(void) { CHECK(tealet_switch(other, NULL, TEALET_XFER_DEFAULT) == 0); }
static void goes_to_main(void) { tealet_switch(main_tealet, NULL, TEALET_XFER_DEFAULT); }
static void finalizes(void) { tealet_finalize(main_tealet); }

/* Such a lock may wait by switching to another tealet. */
static void test_lock_functions_that_the_program_alone_calls(void) {
  begin_with_lock(TEALET_LOCK_OFF);
  on_lock = switches;
  tealet_lock(main_tealet);
  on_unlock = switches;
  tealet_unlock(main_tealet);
  CHECK(on_lock == NULL && on_unlock == NULL);
  finish();
}

static tealet_t* elsewhere; /* of another domain */

static void switches_elsewhere(void) {
  CHECK(tealet_switch(elsewhere, NULL, TEALET_XFER_DEFAULT) == 0);
}

static void test_lock_functions_that_use_another_domain(void) {
  begin_with_lock(TEALET_LOCK_AUTO);
  inner = tealet_initialize(&upstream.alloc, 0);
  elsewhere = paused_echo(inner);
  on_lock = switches_elsewhere;
  on_unlock = switches_elsewhere;
  makes_one();
  CHECK(on_lock == NULL && on_unlock == NULL);
  tealet_finalize(inner);
  finish();
}

static void makes_one_elsewhere(void) { created = tealet_new(main_tealet); }

static tealet_t* uses_the_locked_domain(tealet_t* current, void* arg) {
  (void)arg;
  makes_one_elsewhere();
  return current->main;
}

/* While the lock function waits, another tealet of the other domain uses the locked one. */
static void waits_for_the_lock(void) {
  CHECK(tealet_run(tealet_new(inner), uses_the_locked_domain, NULL, NULL, TEALET_START_SWITCH) ==
        0);
}

static void test_a_lock_function_that_waits(void) {
  begin_with_lock(TEALET_LOCK_AUTO);
  inner = tealet_initialize(&upstream.alloc, 0);
  on_lock = waits_for_the_lock;
  makes_one();
  CHECK(on_lock == NULL && created != NULL);
  tealet_finalize(inner);
  finish();
}

#ifdef WITH_VERIFY

static void makes_one_under_the_lock(void) {
  begin_with_lock(TEALET_LOCK_AUTO);
  on_lock = makes_one;
  tealet_delete(other);
}

static void switches_while_it_unlocks(void) {
  begin_with_lock(TEALET_LOCK_AUTO);
  on_unlock = goes_to_main;
  switches();
}

static void finalizes_while_it_locks(void) {
  begin_with_lock(TEALET_LOCK_AUTO);
  on_lock = finalizes;
  tealet_lock(main_tealet);
}

static void test_lock_functions(void) {
  ENDS(makes_one_under_the_lock, "tealet_lock_t::lock", "must not use its own domain",
       "no tealet runs");
  ENDS(switches_while_it_unlocks, "tealet_lock_t::unlock", "must not use its own domain",
       "a tealet runs");
  ENDS(finalizes_while_it_locks, "tealet_lock_t::lock", "must not use its own domain",
       "no tealet runs");
}

static action_t on_malloc;
static action_t on_free;

static void* malloc_and_act(size_t size, void* context) {
  run_once(&on_malloc);
  return tealet_alloc_malloc(size, context);
}

static void free_and_act(void* ptr, void* context) {
  run_once(&on_free);
  tealet_alloc_free(ptr, context);
}

static void begin_with_actions(void) {
  tealet_alloc_t alloc = {malloc_and_act, free_and_act, NULL};

  main_tealet = tealet_initialize(&alloc, 0);
  other = paused_echo(main_tealet);
}

static void switches_while_it_allocates(void) {
  begin_with_actions();
  on_malloc = switches;
  makes_one();
}

static void makes_one_while_it_frees(void) {
  begin_with_actions();
  on_free = makes_one;
  tealet_delete(other);
}

static void finalizes_in_the_middle_of_a_switch(void) {
  begin_with_actions();
  on_free = finalizes;
  switches();
}

static void misaligns_later(void) {
  tealet_alloc_t alloc = {misaligned_malloc, keeps_all, NULL};

  blocks_left = 2;
  tealet_new(tealet_initialize(&alloc, 0));
}

static void uses_an_overwritten_handle(void) {
  begin();
  created = tealet_new(main_tealet);
  memset((void*)created, 0, sizeof(tealet_t));
  tealet_status(created);
}

static void test_handles(void) {
  CHECK(aborts(uses_an_overwritten_handle));
  CHECK(strstr(said, "tealet: check failed: tealet->main == ") == said);
}

/* Only in builds with checks: to remember it would cost every switch. */
static void test_allocator_functions(void) {
  ENDS(switches_while_it_allocates, "tealet_alloc_t::malloc_p", "must not use its own domain",
       "no tealet runs");
  ENDS(makes_one_while_it_frees, "tealet_alloc_t::free_p", "must not use its own domain",
       "no tealet runs");
  ENDS(finalizes_in_the_middle_of_a_switch, "tealet_alloc_t::free_p", "must not use its own domain",
       "tealet runs on this thread");
  ENDS(misaligns_later, "tealet_alloc_t::malloc_p", "not aligned to 16 bytes", "the block is at ");
}

#else
static void goes_unused(void) {
  (void)goes_to_main;
  (void)finalizes;
}
static void test_lock_functions(void) { (void)goes_unused; }
static void test_handles(void) {}
static void test_allocator_functions(void) {}
#endif

/* --- places on the stack ---------------------------------------------------------------------- */

/* Farther than any stack of the tests reaches. */
#define BEYOND ((ptrdiff_t)256 << 20)

static void sets_far_beyond_the_stack(void) {
  char here = 0;

  begin();
  tealet_set_far(main_tealet, away(&here, BEYOND));
}

static void runs_from_beyond_the_stack(void) {
  char here = 0;

  begin();
  tealet_run(tealet_new(main_tealet), echo, NULL, away(&here, BEYOND), TEALET_START_SWITCH);
}

static void spawns_from_beyond_the_stack(void) {
  char here = 0;

  begin();
  tealet_spawn(main_tealet, NULL, echo, NULL, away(&here, BEYOND), TEALET_START_DEFAULT);
}

static void captures_from_beyond_the_stack(void) {
  char here = 0;

  begin();
  tealet_stub_new(main_tealet, &created, away(&here, BEYOND));
}

static void* runs_action(void* arg) {
  action_t action;

  memcpy((void*)&action, arg, sizeof action);
  action();
  return NULL;
}

static void on_another_thread(action_t action) {
  pthread_t thread;

  CHECK(pthread_create(&thread, NULL, runs_action, (void*)&action) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}

static void sets_far_beyond_a_threads_stack(void) { on_another_thread(sets_far_beyond_the_stack); }

static void sets_far_here(void* arg) {
  char here[2];

  (void)arg;
  CHECK(tealet_set_far(main_tealet, away(here, 1)) == 0);
}

/* The far end is in a call that has returned. */
static void forks_beyond_the_far_end(void) {
  begin();
  at_depth(4, sets_far_here, NULL);
  tealet_fork(tealet_new(main_tealet), NULL, TEALET_START_DEFAULT);
}

static void test_places_on_the_stack(void) {
  const char* const wrong = "is not on this thread's stack";

  ENDS(sets_far_beyond_the_stack, "tealet_set_far", wrong, "the stack ends at ");
  ENDS(sets_far_beyond_a_threads_stack, "tealet_set_far", wrong, "the stack ends at ");
  ENDS(runs_from_beyond_the_stack, "tealet_run", wrong, "the stack ends at ");
  ENDS(spawns_from_beyond_the_stack, "tealet_spawn", wrong, "the stack ends at ");
  ENDS(captures_from_beyond_the_stack, "tealet_stub_new", wrong, "the stack ends at ");
  ENDS(forks_beyond_the_far_end, "tealet_fork", "beyond the far end", "its far end is ");
}

static void test_a_far_end_that_is_taken_away_again(void) {
  void* before;

  begin();
  before = tealet_get_far(main_tealet);
  at_depth(0, sets_far_here, NULL);
  CHECK(tealet_get_far(main_tealet) != before);
  CHECK(tealet_set_far(main_tealet, before) == 0);
  CHECK(tealet_get_far(main_tealet) == before);
  created = tealet_new(main_tealet);
  CHECK(tealet_fork(created, NULL, TEALET_START_DEFAULT) == TEALET_ERR_UNFORKABLE);
  finish();
}

/* --- what must be done where the domain runs -------------------------------------------------- */

static void watches(void) {
  config.flags = TEALET_CONFIGF_STACK_INTEGRITY | TEALET_CONFIGF_STACK_SNAPSHOT;
  config.stack_integrity_bytes = 64;
  tealet_configure_set(main_tealet, &config);
}

static tealet_t* watches_elsewhere(tealet_t* current, void* arg) {
  (void)arg;
  on_another_thread(watches);
  return current->main;
}

static void configures_on_another_thread(void) {
  begin();
  tealet_run(tealet_new(main_tealet), watches_elsewhere, NULL, NULL, TEALET_START_SWITCH);
}

static tealet_t* goes_out(tealet_t* current, void* arg) {
  tealet_switch((tealet_t*)arg, NULL, TEALET_XFER_DEFAULT);
  return current->main;
}

static tealet_t* begins_and_goes_out(tealet_t* current, void* arg) {
  arg = current->main;
  inner = tealet_initialize(&upstream.alloc, 0);
  tealet_run(tealet_new(inner), goes_out, &arg, NULL, TEALET_START_SWITCH);
  return current->main;
}

static void configures_from_outside(void) {
  begin();
  tealet_run(tealet_new(main_tealet), begins_and_goes_out, NULL, NULL, TEALET_START_SWITCH);
  main_tealet = inner;
  watches();
}

/* The duplicate runs the same calls, but it is not what the inner domain was opened in. */
static void returns_in_a_duplicate(void) {
  tealet_t* host;

  begin();
  host = tealet_new(main_tealet);
  tealet_run(host, begins_and_goes_out, NULL, NULL, TEALET_START_SWITCH);
  tealet_switch(tealet_duplicate(host), NULL, TEALET_XFER_DEFAULT);
}

static void test_where_the_domain_runs(void) {
  ENDS(configures_on_another_thread, "tealet_configure_set", "where the domain runs",
       "belongs to another thread");
  ENDS(configures_from_outside, "tealet_configure_set", "where the domain runs",
       "the domain was opened inside a tealet");
  ENDS(returns_in_a_duplicate, "tealet_run", "its domain cannot be used",
       "the domain was opened inside a tealet");
}

/* In main nothing is watched, so nothing depends on the place. */
static void test_configuring_while_main_runs(void) {
  begin();
  on_another_thread(watches);
  paused_echo(main_tealet);
  finish();
}

int main(void) {
  test_no_tealet();
  test_no_structure();
  test_allocators();
  test_lock_functions();
  test_lock_functions_that_the_program_alone_calls();
  test_lock_functions_that_use_another_domain();
  test_a_lock_function_that_waits();
  test_handles();
  test_allocator_functions();
  test_places_on_the_stack();
  test_a_far_end_that_is_taken_away_again();
  test_where_the_domain_runs();
  test_configuring_while_main_runs();
  return checks_done();
}
