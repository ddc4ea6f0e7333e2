/* What docs/c-api.md, "What differs from libtealet 0.7", says of panics, of switches without memory
 * and of the level of compatibility. The other tests in C show the rest.
 */
#include <tealet/tealet_extras.h>

#include <string.h>

#include "support.h"

static upstream_t upstream;
static tealet_t* main_tealet;

static void begin(void) {
  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 0);
}

static void finish(void) {
  CHECK(figures_hold(main_tealet, &upstream));
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

/* --- the level of compatibility --------------------------------------------------------------- */

#if TEALET_COMPATIBLE_WITH_NUMBER < 700
#error "the preprocessor can compare it, and this API is that of libtealet 0.7"
#endif

/* MMmmpp, of a string of three numbers. */
static long version_number(const char* version) {
  long parts[3] = {0, 0, 0};
  size_t part = 0;

  for (; *version != '\0' && part < 3; ++version) {
    if (*version == '.') {
      part += 1;
    } else {
      parts[part] = parts[part] * 10 + (*version - '0');
    }
  }
  CHECK(part == 2);
  return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

static void test_level(void) {
  CHECK(strcmp(TEALET_COMPATIBLE_WITH, "0.7.6") == 0);
  CHECK(version_number(TEALET_COMPATIBLE_WITH) == TEALET_COMPATIBLE_WITH_NUMBER);
  CHECK(version_number(TEALET_VERSION) == TEALET_VERSION_NUMBER);
}

/* --- from main without memory ----------------------------------------------------------------- */

static void switch_without_memory(tealet_t* t, int flags, int expected) {
  void* arg = token(1);

  upstream.left = 0;
  CHECK(tealet_switch(t, &arg, flags) == expected);
  CHECK(arg == (expected == 0 ? token(2) : token(1)));
  CHECK(tealet_current(t) == main_tealet);
  CHECK(tealet_status(t) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_status(main_tealet) == TEALET_STATUS_ACTIVE);
  upstream.left = -1;
}

/* The way back saves the tealet, which takes memory. */
static tealet_t* echo_with_memory(tealet_t* current, void* arg) {
  for (;;) {
    tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
    CHECK(upstream.left == 0);
    upstream.left = -1;
    arg = token(number(arg) + 1);
  }
  return NULL;
}

static void begin_nearer(void* t) {
  void* arg = NULL;

  CHECK(tealet_run((tealet_t*)t, echo_with_memory, &arg, NULL, TEALET_START_SWITCH) == 0);
}

static void switch_from_nearer(void* t) {
  switch_without_memory((tealet_t*)t, TEALET_XFER_DEFAULT, TEALET_ERR_MEM);
  switch_without_memory((tealet_t*)t, TEALET_XFER_FORCE, TEALET_ERR_MEM);
}

static void test_from_main_without_memory(void) {
  tealet_t* t;

  begin();
  t = tealet_new(main_tealet);
  at_depth(5, begin_nearer, t);
  /* Main's frames are farther than those of the tealet, so main needs no saving. */
  switch_without_memory(t, TEALET_XFER_FORCE, 0);
  switch_without_memory(t, TEALET_XFER_DEFAULT, 0);
  /* Here they are at the place of the tealet. */
  at_depth(10, switch_from_nearer, t);
  tealet_delete(t);
  finish();
}

/* --- a panic is the first thing that resumes the caller of a start ---------------------------- */

static tealet_t* created;
static int created_was_set;

static tealet_t* panics_at_first(tealet_t* current, void* arg) {
  created_was_set = created == current;
  arg = token(number(arg) + 1);
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_PANIC) == 0);
  arg = token(number(arg) + 1);
  CHECK(tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT) == 0);
  return current->main;
}

/* It is paused, as after any other switch, and can be resumed. */
static void goes_on(tealet_t* t) {
  void* arg = token(5);

  CHECK(tealet_status(t) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_run(t, echo, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(arg == token(6));
  CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
  tealet_delete(t);
}

static void test_panic_to_the_caller_of_run(void) {
  tealet_t* t;
  void* arg = token(1);

  begin();
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, panics_at_first, &arg, NULL, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  CHECK(arg == token(2));
  goes_on(t);
  finish();
}

static void test_panic_to_the_caller_of_spawn(void) {
  void* arg = token(1);

  begin();
  created = NULL;
  CHECK(tealet_spawn(main_tealet, &created, panics_at_first, &arg, NULL, TEALET_START_SWITCH) ==
        TEALET_ERR_PANIC);
  CHECK(created_was_set && arg == token(2));
  CHECK(created != NULL && created->main == main_tealet);
  goes_on(created);
  finish();
}

static void test_panic_to_the_caller_of_stub_run(void) {
  tealet_t* stub = NULL;
  void* arg = token(1);

  begin();
  CHECK(tealet_stub_new(main_tealet, &stub, NULL) == 0);
  CHECK(tealet_stub_run(stub, panics_at_first, &arg) == TEALET_ERR_PANIC);
  CHECK(arg == token(2));
  goes_on(stub);
  finish();
}

/* --- the same for both tealets of a fork ------------------------------------------------------ */

static tealet_t* original;
static tealet_t* copy;

static tealet_t* is_forked(tealet_t* current, void* arg) {
  int result;

  (void)arg;
  original = current;
  copy = tealet_new(current);
  arg = NULL;
  result = tealet_fork(copy, &arg, TEALET_START_SWITCH);
  if (tealet_current(main_tealet) == copy) {
    CHECK(result == 0);
    arg = token(3);
    CHECK(tealet_switch(original, &arg, TEALET_XFER_PANIC) == 0);
    CHECK(arg == token(4));
    tealet_exit(main_tealet, token(5), TEALET_XFER_DEFAULT);
    NEVER("an exit returned");
  }
  CHECK(result == TEALET_ERR_PANIC && arg == token(3));
  CHECK(tealet_status(copy) == TEALET_STATUS_ACTIVE);
  CHECK(tealet_get_origin(copy) == TEALET_ORIGIN_FORK);
  arg = token(4);
  tealet_switch(copy, &arg, TEALET_XFER_DEFAULT);
  NEVER("nothing switches back to the original");
  return NULL;
}

static void test_panic_to_the_original(void) {
  void* arg = NULL;

  begin();
  CHECK(tealet_run(tealet_new(main_tealet), is_forked, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(arg == token(5));
  CHECK(tealet_status(copy) == TEALET_STATUS_EXITED);
  tealet_delete(copy);
  tealet_delete(original);
  finish();
}

static tealet_t* leaves_a_copy(tealet_t* current, void* arg) {
  int result;

  (void)arg;
  copy = tealet_new(current);
  arg = token(1);
  result = tealet_fork(copy, &arg, TEALET_START_DEFAULT);
  if (tealet_current(main_tealet) == copy) {
    CHECK(result == TEALET_ERR_PANIC && arg == token(6));
    tealet_exit(main_tealet, token(7), TEALET_XFER_DEFAULT);
    NEVER("an exit returned");
  }
  CHECK(result == 0 && arg == NULL);
  return main_tealet;
}

static void test_panic_to_the_copy(void) {
  tealet_t* t;
  void* arg = NULL;

  begin();
  t = tealet_new(main_tealet);
  CHECK(tealet_run(t, leaves_a_copy, &arg, NULL, TEALET_START_SWITCH) == 0);
  arg = token(6);
  CHECK(tealet_switch(copy, &arg, TEALET_XFER_PANIC) == 0);
  CHECK(arg == token(7));
  tealet_delete(copy);
  tealet_delete(t);
  finish();
}

int main(void) {
  test_level();
  test_from_main_without_memory();
  test_panic_to_the_caller_of_run();
  test_panic_to_the_caller_of_spawn();
  test_panic_to_the_caller_of_stub_run();
  test_panic_to_the_original();
  test_panic_to_the_copy();
  return checks_done();
}
