/* Which tealets cost the most: a survey of all, and the statistics of the largest. */
#include <tealet/tealet_extras.h>
#include <tealet/tealet_survey.h>

#include <stdio.h>

#define COUNT 100
#define LARGEST 3

static int descend(tealet_t* current, int depth);
/* Through a volatile pointer, so that the compiler cannot inline the calls. */
static int (*volatile deeper)(tealet_t* current, int depth) = descend;

/* Pauses `depth` calls down. */
static int descend(tealet_t* current, int depth) {
  volatile char frame[128];

  frame[0] = (char)depth;
  if (depth == 0) {
    tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT);
    return frame[0];
  }
  return deeper(current, depth - 1) + frame[0];
}

static tealet_t* run(tealet_t* current, void* arg) {
  deeper(current, *(int*)arg);
  return current->main;
}

static unsigned long number(size_t value) { return (unsigned long)value; }

static int print_survey(tealet_t* main_tealet) {
  tealet_survey_t survey;
  tealet_tealet_stats_t stats;
  tealet_t* largest[LARGEST];
  int i;

  if (tealet_get_survey(main_tealet, &survey, largest, LARGEST) != 0) return -1;
  if (survey.domain_bytes == 0) {
    printf("Statistics not enabled (compiled with TEALET_WITH_STATS=0)\n");
    return 0;
  }
  printf("%lu tealets, bytes of one: median %lu, 99 of 100 at most %lu, maximum %lu\n",
         number(survey.count), number(survey.cost.median), number(survey.cost.percentile_99),
         number(survey.cost.maximum));
  for (i = 0; i < LARGEST && largest[i] != NULL; ++i) {
    tealet_get_tealet_stats(largest[i], &stats);
    printf("one of the largest: %lu bytes, depth %lu\n", number(stats.bytes_alone),
           number(stats.extent));
  }
  return 0;
}

int main(void) {
  static int depths[COUNT];
  tealet_alloc_t alloc = TEALET_ALLOC_INIT_MALLOC;
  tealet_t* tealets[COUNT];
  tealet_t* main_tealet = tealet_initialize(&alloc, 0);
  int i;

  if (main_tealet == NULL) return 1;
  for (i = 0; i < COUNT; ++i) {
    void* arg = &depths[i];

    depths[i] = i;
    if (tealet_spawn(main_tealet, &tealets[i], run, &arg, NULL, TEALET_START_SWITCH) != 0) return 1;
  }
  if (print_survey(main_tealet) != 0) return 1;
  for (i = 0; i < COUNT; ++i) {
    tealet_switch(tealets[i], NULL, TEALET_XFER_DEFAULT);
    tealet_delete(tealets[i]);
  }
  tealet_finalize(main_tealet);
  return 0;
}
