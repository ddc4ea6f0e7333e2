/* Random schedules over everything that the API can do, against a model: who runs, what he gets,
 * what lies on his stack, how deep he is, and what the figures must be.
 *
 *   test_random [seed [steps]]
 */
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

#define SLOTS 14
#define DEEPEST 8

typedef enum state_t { NONE, NEW, LATER, PAUSED, RUNNING, EXITED, DEFUNCT } state_t;

/* A tealet of the model. Slot 0 is main. */
typedef struct model_t {
  tealet_t* tealet;
  state_t state;
  unsigned int chain; /* of what lies on its stack, level by level */
  int depth;
  int of_main; /* main or a fork of it: cannot return */
  unsigned int origin;
} model_t;

static model_t slots[SLOTS];
static int current; /* a slot */
static upstream_t upstream;
static tealet_t* main_tealet;
static unsigned long state_of_chance;
static long steps_left;
static size_t made; /* tealets ever */

/* The value for the next tealet that runs. */
static void* sent;
static int sent_panic;
static long next_token;

static unsigned int chance(unsigned int below) {
  state_of_chance = (state_of_chance * 1103515245U + 12345U) & 0x7fffffffU;
  return (unsigned int)(state_of_chance >> 12) % below;
}

static unsigned int mix(unsigned int chain, unsigned int with) {
  return (chain ^ with) * 2654435761U + 97U;
}

static int slot_of(const tealet_t* tealet) {
  int i;

  for (i = 0; i < SLOTS; ++i) {
    if (slots[i].state != NONE && slots[i].tealet == tealet) return i;
  }
  return -1;
}

static int slot_in(state_t state) {
  const int first = (int)chance(SLOTS);
  int i;

  for (i = 0; i < SLOTS; ++i) {
    const int slot = (first + i) % SLOTS;
    if (slots[slot].state == state) return slot;
  }
  return -1;
}

static int status_in(state_t state) {
  switch (state) {
    case NEW:
      return TEALET_STATUS_NEW;
    case EXITED:
      return TEALET_STATUS_EXITED;
    case DEFUNCT:
      return TEALET_STATUS_DEFUNCT;
    default:
      return TEALET_STATUS_ACTIVE;
  }
}

/* After every step. */
static void check_the_model(void) {
  size_t count = 0;
  size_t expanded = 0;
  int defunct = 0;
  int i;

  verify(main_tealet);
  CHECK(tealet_current(main_tealet) == slots[current].tealet);
  for (i = 0; i < SLOTS; ++i) {
    const model_t* slot = &slots[i];
    if (slot->state == NONE) continue;
    count += 1;
    defunct += slot->state == DEFUNCT;
    expanded += tealet_get_stacksize(slot->tealet);
    CHECK(tealet_status(slot->tealet) == status_in(slot->state));
    CHECK(tealet_get_origin(slot->tealet) == slot->origin);
    CHECK((tealet_get_far(slot->tealet) == NULL) == (slot->state == NEW));
  }
  CHECK(figures_hold(main_tealet, &upstream));
  if (counting(main_tealet)) {
    const tealet_stats_t stats = stats_of(main_tealet);
    CHECK(stats.n_active == count && stats.n_total == made);
    /* The saved bytes of a defunct tealet do not count as a stack. */
    CHECK(defunct != 0 ? stats.stack_bytes_expanded >= expanded
                       : stats.stack_bytes_expanded == expanded);
  }
}

/* --- transfers -------------------------------------------------------------------------------- */

/* In the model, the running tealet gets the status `left`, and `to` runs. */
static void move_to(int to, state_t left) {
  slots[current].state = left;
  slots[to].state = RUNNING;
  current = to;
}

/* Main may have been resumed by force, without memory. */
static void see_who_is_defunct(void) {
  int i;

  upstream.left = -1;
  for (i = 1; i < SLOTS; ++i) {
    const state_t state = slots[i].state;
    if (state != PAUSED && state != LATER) continue;
    if (tealet_status(slots[i].tealet) == TEALET_STATUS_DEFUNCT) slots[i].state = DEFUNCT;
  }
}

/* The running one got what was sent to it. */
static void check_arrival(int result, void* arg) {
  CHECK(arg == sent);
  CHECK(result == (sent_panic ? TEALET_ERR_PANIC : 0));
  if (current == 0) see_who_is_defunct();
  check_the_model();
}

static void* prepare(int panic) {
  sent = chance(8) != 0 ? token(++next_token) : NULL;
  sent_panic = panic;
  return sent;
}

/* --- what a tealet does ----------------------------------------------------------------------- */

static tealet_t* life(tealet_t* self, void* arg);
static void live(unsigned int chain, int depth);

static int add(tealet_t* tealet, const model_t* like) {
  const int slot = slot_in(NONE);

  CHECK(slot > 0 && tealet != NULL);
  slots[slot] = *like;
  slots[slot].tealet = tealet;
  made += 1;
  return slot;
}

static void create(void) {
  static const model_t fresh = {NULL, NEW, 0, 0, 0, 0};

  if (slot_in(NONE) < 0) return;
  add(tealet_new(slots[current].tealet), &fresh);
}

static void duplicate(int original) {
  if (original <= 0 || slot_in(NONE) < 0) return;
  add(tealet_duplicate(slots[original].tealet), &slots[original]);
}

static void delete_one(int slot) {
  if (slot <= 0) return;
  tealet_delete(slots[slot].tealet);
  slots[slot].state = NONE;
}

static void begin_later(int slot, char* far) {
  if (slot < 0) return;
  CHECK(tealet_run(slots[slot].tealet, life, NULL, far, TEALET_START_DEFAULT) == 0);
  slots[slot].state = LATER;
  slots[slot].depth = -1;
}

static void begin_now(int slot, char* far) {
  void* arg;
  int result;

  if (slot < 0) return;
  arg = prepare(0);
  slots[slot].depth = -1;
  move_to(slot, PAUSED);
  result = tealet_run(slots[slot].tealet, life, &arg, far, TEALET_START_SWITCH);
  check_arrival(result, arg);
}

static void switch_to(int slot) {
  static const int flags[] = {TEALET_XFER_DEFAULT, TEALET_XFER_FORCE, TEALET_XFER_NOFAIL,
                              TEALET_XFER_PANIC};
  int flag = flags[chance(4)];
  void* arg;
  int result;

  if (slot < 0) return;
  if (slots[slot].state == LATER && flag == TEALET_XFER_PANIC) flag = TEALET_XFER_DEFAULT;
  arg = prepare(flag == TEALET_XFER_PANIC);
  move_to(slot, PAUSED);
  result = tealet_switch(slots[slot].tealet, arg != NULL || chance(2) ? &arg : NULL, flag);
  if (arg == NULL && sent != NULL) arg = sent; /* without a place for it, nothing is told */
  check_arrival(result, arg);
}

static void fork_here(int slot, int leave) {
  const int self = current;
  void* arg = token(-5);
  int result;

  if (slot < 0) return;
  slots[slot].chain = slots[self].chain;
  slots[slot].depth = slots[self].depth;
  slots[slot].of_main = slots[self].of_main;
  slots[slot].origin = TEALET_ORIGIN_FORK | (slots[self].of_main ? TEALET_ORIGIN_MAIN_LINEAGE : 0U);
  slots[slot].state = PAUSED;
  sent = NULL;
  sent_panic = 0;
  if (leave) move_to(slot, PAUSED);
  result =
      tealet_fork(slots[slot].tealet, &arg, leave ? TEALET_START_SWITCH : TEALET_START_DEFAULT);
  check_arrival(result, arg);
}

/* Calls that must fail and change nothing. */
static void fail(void) {
  const tealet_stats_t before = stats_of(main_tealet);
  tealet_stats_t after;
  const int ended = slot_in(EXITED);
  const int fresh = slot_in(NEW);
  const int paused = slot_in(PAUSED);

  if (ended >= 0) {
    CHECK(tealet_switch(slots[ended].tealet, NULL, TEALET_XFER_NOFAIL) == TEALET_ERR_INVAL);
    CHECK(tealet_fork(slots[ended].tealet, NULL, TEALET_START_SWITCH) == TEALET_ERR_INVAL);
  }
  if (fresh >= 0) {
    CHECK(tealet_switch(slots[fresh].tealet, NULL, TEALET_XFER_FORCE) == TEALET_ERR_INVAL);
    CHECK(tealet_exit(slots[fresh].tealet, NULL, TEALET_XFER_FORCE) == TEALET_ERR_INVAL);
    upstream.left = 0;
    CHECK(tealet_run(slots[fresh].tealet, life, NULL, NULL, TEALET_START_DEFAULT) ==
          TEALET_ERR_MEM);
    CHECK(tealet_fork(slots[fresh].tealet, NULL, TEALET_START_SWITCH) == TEALET_ERR_MEM);
  }
  if (paused >= 0) {
    CHECK(tealet_run(slots[paused].tealet, life, NULL, NULL, TEALET_START_SWITCH) ==
          TEALET_ERR_INVAL);
    if (current != 0) { /* of main there may be nothing to save */
      upstream.left = 0;
      CHECK(tealet_switch(slots[paused].tealet, NULL, TEALET_XFER_DEFAULT) == TEALET_ERR_MEM);
    }
  }
  upstream.left = 0;
  CHECK(tealet_new(main_tealet) == NULL);
  upstream.left = -1;
  CHECK(tealet_duplicate(slots[current].tealet) == NULL);
  tealet_delete(slots[current].tealet);
  after = stats_of(main_tealet);
  CHECK(same_now(&before, &after) && before.n_total == after.n_total);
}

/* A forced switch to main without memory: tealets in the way become defunct. */
static void force_to_main(void) {
  void* arg;
  int result;

  if (current == 0) return;
  arg = prepare(0);
  upstream.left = (long)chance(3);
  move_to(0, PAUSED);
  result = tealet_switch(main_tealet, &arg, TEALET_XFER_FORCE);
  check_arrival(result, arg);
}

static void leave_for(int slot) {
  const int remove = chance(2) != 0;
  const int self = current;
  void* arg;

  if (slot < 0 || current == 0) return;
  arg = prepare(0);
  move_to(slot, remove ? NONE : EXITED);
  tealet_exit(slots[slot].tealet, arg, remove ? TEALET_EXIT_DELETE : TEALET_XFER_DEFAULT);
  CHECK(self < 0); /* an exit returned */
}

static int target(void) { return slot_in(chance(4) == 0 ? LATER : PAUSED); }

/* One random step. False if it is to leave this level of the stack. */
static int step(unsigned int chain, int depth, char* in_this_frame) {
  char* far = chance(3) == 0 ? in_this_frame : NULL;

  switch (chance(16)) {
    case 0:
    case 1:
      create();
      break;
    case 2:
      duplicate(slot_in((state_t)(NEW + (int)chance(3))));
      break;
    case 3:
      if (chance(3) == 0) delete_one(slot_in((state_t)(NEW + (int)chance(3))));
      delete_one(slot_in(chance(2) ? EXITED : DEFUNCT));
      break;
    case 4:
      begin_later(slot_in(NEW), far);
      break;
    case 5:
    case 6:
      begin_now(slot_in(NEW), far);
      break;
    case 7:
      fork_here(slot_in(NEW), (int)chance(2));
      break;
    case 8:
      fail();
      break;
    case 9:
      if (chance(4) == 0) leave_for(target());
      if (chance(8) == 0) force_to_main();
      break;
    case 10:
    case 11:
      if (depth < DEEPEST) {
        const unsigned int further = mix(chain, chance(1000));
        slots[current].chain = further;
        slots[current].depth = depth + 1;
        live(further, depth + 1);
        /* The current tealet is on this level again. */
        slots[current].chain = chain;
        slots[current].depth = depth;
      }
      break;
    case 12:
      return depth == 0;
    default:
      switch_to(target());
  }
  return 1;
}

static void live(unsigned int chain, int depth) {
  pattern_t pattern;
  char here = 0;

  pattern_init(&pattern, chain);
  while (steps_left > 0) {
    steps_left -= 1;
    if (!step(chain, depth, &here)) break;
    /* Nobody but this tealet has been here, and it is who and where it was. */
    CHECK(pattern_intact(&pattern) && pattern.seed == chain);
    CHECK(slots[current].chain == chain && slots[current].depth == depth);
    check_the_model();
    if (depth == 0 && chance(12) == 0 && !slots[current].of_main) break;
  }
  if (depth == 0 && slots[current].of_main && current != 0) leave_for(0);
}

static tealet_t* life(tealet_t* self, void* arg) {
  const unsigned int chain = mix(chance(100000), 1);
  int next;

  CHECK(slot_of(self) == current && slots[current].depth == -1);
  CHECK(arg == sent);
  slots[current].chain = chain;
  slots[current].depth = 0;
  live(chain, 0);
  next = steps_left > 0 ? target() : 0;
  if (next < 0) next = 0;
  sent = NULL;
  sent_panic = 0;
  if (current == next) next = 0;
  move_to(next, EXITED);
  return slots[next].tealet;
}

/* --- a schedule ------------------------------------------------------------------------------- */

static void run_schedule(unsigned long seed, long steps, char* far) {
  tealet_stats_t at_first;
  tealet_stats_t stats;
  int i;

  upstream_init(&upstream);
  main_tealet = tealet_initialize(&upstream.alloc, 24);
  at_first = stats_of(main_tealet);
  CHECK(tealet_set_far(main_tealet, far) == 0);
  state_of_chance = seed;
  steps_left = steps;
  made = 1;
  for (i = 0; i < SLOTS; ++i) slots[i].state = NONE;
  slots[0].tealet = main_tealet;
  slots[0].state = RUNNING;
  slots[0].of_main = 1;
  slots[0].origin = TEALET_ORIGIN_MAIN_LINEAGE;
  slots[0].chain = 7;
  slots[0].depth = 0;
  current = 0;
  live(7, 0);
  CHECK(current == 0);
  for (i = 1; i < SLOTS; ++i) {
    if (slots[i].state != NONE && i % 3 != 0) delete_one(i);
  }
  check_the_model();
  for (i = 1; i < SLOTS; ++i) {
    if (slots[i].state != NONE) delete_one(i);
  }
  stats = stats_of(main_tealet);
  CHECK(same_now(&at_first, &stats));
  tealet_finalize(main_tealet);
  CHECK(upstream.blocks == 0 && upstream.bytes == 0);
}

int main(int argc, char** argv) {
  const unsigned long first = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
  const unsigned long last = argc > 1 ? first : 40;
  const long steps = argc > 2 ? strtol(argv[2], NULL, 10) : 1500;
  unsigned long seed;
  char far[256];

  far[128] = 0;
  for (seed = first; seed <= last; ++seed) {
    run_schedule(seed, steps, &far[128]);
    if (checks_done() != 0) {
      printf("seed %lu, %ld steps\n", seed, steps);
      break;
    }
  }
  printf("seeds %lu to %lu, %ld steps each\n", first, last, steps);
  return checks_done();
}
