/* A C program: counts down in several tealets at once, and checks that all memory comes back. */
#include <tealet/tealet_extras.h>
#include <tealet/tealet_survey.h>

#include <stdio.h>
#include <string.h>

#define TEALETS 5

static int failures = 0;

static void check(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "c_program: check failed: %s\n", what);
  failures += 1;
}

/* Passes main every number from *arg down to 1. */
static tealet_t* count_down(tealet_t* current, void* arg) {
  int n = *(int*)arg;
  for (; n > 0; --n) {
    void* value = arg;
    *(int*)arg = n;
    check(tealet_switch(current->main, &value, TEALET_XFER_DEFAULT) == 0, "a tealet is resumed");
  }
  *(int*)arg = 0;
  return current->main;
}

static void check_costs(tealet_t* main) {
  tealet_survey_t survey;
  tealet_tealet_stats_t of_one;
  tealet_stats_t of_all;
  tealet_t* largest;

  check(tealet_get_survey(main, &survey, &largest, 1) == 0, "there is memory for a survey");
  tealet_get_stats(main, &of_all);
  if (of_all.blocks_allocated == 0) return; /* the library was built without statistics */
  tealet_get_tealet_stats(largest, &of_one);
  check(survey.count == TEALETS && survey.cost.maximum == of_one.bytes_alone,
        "a survey finds the largest tealet");
  check(survey.cost.total + survey.domain_bytes == of_all.bytes_allocated,
        "costs add up to the bytes allocated");
}

static int add_up(tealet_t* main) {
  static int numbers[TEALETS];
  tealet_t* tealets[TEALETS];
  int sum = 0;
  int running = TEALETS;
  int i;
  for (i = 0; i < TEALETS; ++i) {
    void* arg = &numbers[i];
    numbers[i] = i + 1;
    check(tealet_spawn(main, &tealets[i], count_down, &arg, NULL, TEALET_START_SWITCH) == 0,
          "a tealet begins");
    sum += numbers[i];
  }
  check_costs(main);
  while (running != 0) {
    for (i = 0; i < TEALETS; ++i) {
      if (tealet_status(tealets[i]) != TEALET_STATUS_ACTIVE) continue;
      check(tealet_switch(tealets[i], NULL, TEALET_XFER_DEFAULT) == 0, "a tealet goes on");
      sum += numbers[i];
      if (tealet_status(tealets[i]) == TEALET_STATUS_EXITED) running -= 1;
    }
  }
  for (i = 0; i < TEALETS; ++i) tealet_delete(tealets[i]);
  return sum;
}

int main(void) {
  tealet_alloc_t base = TEALET_ALLOC_INIT_MALLOC;
  tealet_statsalloc_t counted;
  tealet_stats_t stats;
  tealet_t* main_tealet;
  int sum;

  check(strncmp(TEALET_VERSION, "0.", 2) == 0 && TEALET_VERSION_MAJOR == 0, "the version is 0.x");
  tealet_statsalloc_init(&counted, &base);
  main_tealet = tealet_initialize(&counted.alloc, 0);
  check(main_tealet != NULL, "there is a main tealet");
  sum = add_up(main_tealet);
  check(sum == 35, "1 + (2 + 1) + (3 + 2 + 1) + ... is 35");
  tealet_get_stats(main_tealet, &stats);
  if (stats.blocks_allocated > 0) { /* the library was built with statistics */
    check(stats.n_active == 1 && stats.n_total == TEALETS + 1, "all tealets but main are deleted");
    check(stats.bytes_allocated == counted.s_allocs, "the statistics are what the program counts");
  }
  tealet_finalize(main_tealet);
  check(counted.n_allocs == 0 && counted.s_allocs == 0, "all memory has come back");

  if (failures != 0) return 1;
  printf("c_program: %d tealets, sum %d, %lu bytes left\n", TEALETS, sum,
         (unsigned long)counted.s_allocs);
  return 0;
}
