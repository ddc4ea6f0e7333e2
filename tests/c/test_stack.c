/* The ends of stacks, and that all saved bytes are restored. */
#include <stdint.h>

#include "support.h"

static upstream_t upstream;
static tealet_t* main_tealet;

/* --- far ends --------------------------------------------------------------------------------- */

static tealet_t* looks_at_its_far_end(tealet_t* current, void* arg) {
  char here = 0;

  (void)arg;
  CHECK((char*)tealet_get_far(current) > &here);
  CHECK(tealet_stack_diff(tealet_get_far(current), &here) < 4096);
  CHECK(tealet_get_stacksize(current) == 0);
  tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT);
  return current->main;
}

static void test_far_ends(void) {
  tealet_t* t = tealet_new(main_tealet);
  char here = 0;
  void* far;

  CHECK(tealet_get_far(main_tealet) == (void*)UINTPTR_MAX);
  CHECK(tealet_get_far(t) == NULL && tealet_get_stacksize(t) == 0);
  CHECK(tealet_run(t, looks_at_its_far_end, NULL, NULL, TEALET_START_SWITCH) == 0);
  far = tealet_get_far(t);
  CHECK(far <= away(&here, 512) && far > away(&here, -4096));
  CHECK(tealet_get_stacksize(t) > 0 && tealet_get_stacksize(t) < 4096);
  CHECK(tealet_switch(t, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_get_stacksize(t) == 0);
  tealet_delete(t);
}

static void* probed;

static void probe_and_run(void* arg) {
  tealet_t* t = tealet_new(main_tealet);
  char here = 0;

  probed = tealet_new_probe(main_tealet, echo, NULL, arg, TEALET_START_SWITCH);
  CHECK(tealet_run(t, echo, NULL, arg, TEALET_START_SWITCH) == 0);
  CHECK(tealet_get_far(t) <= probed);
  CHECK(tealet_stack_diff(probed, tealet_get_far(t)) < 1024);
  if (arg == NULL) {
    CHECK((char*)probed <= &here + 1 && tealet_stack_diff(&here, probed) < 4096);
  } else {
    CHECK(probed == arg && tealet_get_far(t) == arg);
  }
  tealet_delete(t);
}

static void test_probe(void) {
  char here = 0;

  probe_and_run(NULL);
  probe_and_run(&here);
}

static void test_diff_and_further(void) {
  char stack[64];

  /* The stack grows downwards: deeper means a lower address. */
  CHECK(tealet_stack_diff(stack + 40, stack + 8) == 32);
  CHECK(tealet_stack_diff(stack + 8, stack + 40) == -32);
  CHECK(tealet_stack_further(stack + 8, stack + 40) == stack + 40);
  CHECK(tealet_stack_further(stack + 40, stack + 8) == stack + 40);
  CHECK(tealet_stack_further(NULL, stack) == stack);
}

/* --- stack_far -------------------------------------------------------------------------------- */

typedef struct frame_t {
  volatile long value;
  char unaligned[13];
  volatile long beyond;
} frame_t;

static frame_t* frame; /* on the stack of whoever runs */

static tealet_t* counts_in_its_creators_frame(tealet_t* current, void* arg) {
  for (;;) {
    frame->value += 1;
    arg = token(frame->value);
    tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
  }
  return NULL;
}

/* Starts two tealets that have copies of `mine`. */
static void run_with_a_copy_of_a_variable(int flags) {
  frame_t mine;
  tealet_t* one = tealet_new(main_tealet);
  tealet_t* two = tealet_new(main_tealet);
  void* arg = NULL;
  int i;

  frame = &mine;
  mine.value = 10;
  /* Also for an address where no stack could begin. */
  CHECK(tealet_run(one, counts_in_its_creators_frame, &arg, &mine.unaligned[5], flags) == 0);
  CHECK(tealet_get_far(one) == (void*)&mine.unaligned[5]);
  mine.value = 20;
  CHECK(tealet_run(two, counts_in_its_creators_frame, &arg, &mine + 1, flags) == 0);
  CHECK(tealet_get_far(two) == (void*)(&mine + 1));
  for (i = 1; i < 4; ++i) {
    mine.value = 30;
    CHECK(tealet_switch(one, &arg, TEALET_XFER_DEFAULT) == 0);
    CHECK(arg == token(10 + i + (flags == TEALET_START_SWITCH)));
    CHECK(tealet_switch(two, &arg, TEALET_XFER_DEFAULT) == 0);
    CHECK(arg == token(20 + i + (flags == TEALET_START_SWITCH)));
    CHECK(mine.value == 30);
    CHECK(figures_hold(main_tealet, &upstream));
  }
  tealet_delete(one);
  tealet_delete(two);
}

static tealet_t* counts_beyond(tealet_t* current, void* arg) {
  frame->beyond += 1;
  arg = token(frame->beyond);
  tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
  return counts_in_its_creators_frame(current, arg);
}

static void test_stack_far(void) {
  run_with_a_copy_of_a_variable(TEALET_START_SWITCH);
  run_with_a_copy_of_a_variable(TEALET_START_DEFAULT);
}

static void test_a_nearer_stack_far_is_not_taken(void) {
  tealet_t* t = tealet_new(main_tealet);
  char here = 0;

  CHECK(tealet_run(t, echo, NULL, away(&here, -100000), TEALET_START_SWITCH) == 0);
  CHECK(tealet_get_far(t) > away(&here, -4096));
  tealet_delete(t);
}

/* A tealet starts another one whose stack begins beyond its own far end, in main's variables. */
static void* far_in_main;
static tealet_t* beyond;
static int start_flags;

static tealet_t* starts_one_beyond_itself(tealet_t* current, void* arg) {
  beyond = tealet_new(current);
  CHECK((char*)tealet_get_far(current) < (char*)far_in_main);
  arg = NULL;
  CHECK(tealet_run(beyond, counts_beyond, &arg, far_in_main, start_flags) == 0);
  CHECK(tealet_get_far(beyond) == far_in_main);
  return current->main;
}

static void test_stack_far_beyond_the_creators(void) {
  frame_t mine;
  tealet_t* t;
  void* arg;
  int i;

  for (start_flags = TEALET_START_DEFAULT; start_flags <= TEALET_START_SWITCH; ++start_flags) {
    frame = &mine;
    far_in_main = &mine + 1;
    mine.value = 1;
    mine.beyond = 100;
    t = tealet_new(main_tealet);
    CHECK(tealet_run(t, starts_one_beyond_itself, NULL, NULL, TEALET_START_SWITCH) == 0);
    if (start_flags == TEALET_START_DEFAULT) {
      CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
      mine.beyond = 200;
      CHECK(tealet_switch(beyond, &arg, TEALET_XFER_DEFAULT) == 0);
      CHECK(arg == token(101));
    }
    mine.beyond = 300;
    for (i = 2; i < 5; ++i) {
      CHECK(tealet_switch(beyond, &arg, TEALET_XFER_DEFAULT) == 0);
      CHECK(arg == token(i));
    }
    CHECK(mine.value == 1 && mine.beyond == 300);
    if (start_flags == TEALET_START_SWITCH) {
      CHECK(tealet_switch(t, &arg, TEALET_XFER_DEFAULT) == 0);
      CHECK(tealet_status(t) == TEALET_STATUS_EXITED);
    }
    CHECK(mine.value == 1 && mine.beyond == 300);
    tealet_delete(beyond);
    tealet_delete(t);
  }
}

/* --- captured at one depth, run from others --------------------------------------------------- */

static tealet_t* waiting;

static tealet_t* keeps_a_pattern(tealet_t* current, void* arg) {
  pattern_t pattern;

  pattern_init(&pattern, 3);
  for (;;) {
    arg = token(number(arg) + 1);
    tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
    CHECK(pattern_intact(&pattern));
  }
  return NULL;
}

static void capture(void* arg) {
  (void)arg;
  waiting = tealet_new(main_tealet);
  CHECK(tealet_run(waiting, keeps_a_pattern, NULL, NULL, TEALET_START_DEFAULT) == 0);
}

static void resume(void* arg) {
  void* value = arg;

  CHECK(tealet_switch(waiting, &value, TEALET_XFER_DEFAULT) == 0);
  CHECK(value == token(number(arg) + 1));
  CHECK(figures_hold(main_tealet, &upstream));
}

static void test_captured_at_one_depth_run_from_others(void) {
  static const int depths[] = {6, 0, 12, 3, 20, 1};
  void* far;
  size_t i;
  size_t k;

  for (i = 0; i < sizeof depths / sizeof depths[0]; ++i) {
    at_depth(depths[i], capture, NULL);
    far = tealet_get_far(waiting);
    CHECK(tealet_get_stacksize(waiting) > 0);
    for (k = 0; k < sizeof depths / sizeof depths[0]; ++k) {
      at_depth(depths[(i + k + 1) % 6], resume, token((long)k));
      CHECK(tealet_get_far(waiting) == far);
    }
    tealet_delete(waiting);
  }
}

/* --- main's far end --------------------------------------------------------------------------- */

static int far_result;

static tealet_t* sets_mains_far_end(tealet_t* current, void* arg) {
  far_result = tealet_set_far(current->main, arg);
  CHECK(tealet_set_far(current, arg) == TEALET_ERR_INVAL);
  return current->main;
}

/* [c-far] */
static void test_set_far(void* far) {
  tealet_t* t = tealet_new(main_tealet);
  char here = 0;
  void* arg = far;

  CHECK(tealet_set_far(main_tealet, away(&here, -100000)) == TEALET_ERR_INVAL);
  CHECK(tealet_set_far(main_tealet, NULL) == TEALET_ERR_INVAL);
  CHECK(tealet_set_far(t, far) == TEALET_ERR_INVAL);
  CHECK(tealet_run(t, sets_mains_far_end, &arg, NULL, TEALET_START_SWITCH) == 0);
  CHECK(far_result == TEALET_ERR_INVAL);
  CHECK(tealet_get_far(main_tealet) == (void*)UINTPTR_MAX);
  CHECK(tealet_set_far(main_tealet, far) == 0);
  CHECK(tealet_get_far(main_tealet) == far);
  tealet_delete(t);
}

static void begin(void) {
  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 0);
}

static void finish(void) {
  CHECK(figures_hold(main_tealet, &upstream));
  CHECK(!counting(main_tealet) || stats_of(main_tealet).n_active == 1);
  CHECK(upstream.blocks == 2);
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0);
}

int main(void) {
  long far[2];

  far[1] = 0;
  begin();
  test_far_ends();
  test_probe();
  test_diff_and_further();
  test_stack_far();
  test_a_nearer_stack_far_is_not_taken();
  test_stack_far_beyond_the_creators();
  test_captured_at_one_depth_run_from_others();
  test_set_far(&far[1]);
  test_captured_at_one_depth_run_from_others();
  finish();
  return checks_done();
}
