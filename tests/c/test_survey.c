/* What each tealet takes: the functions of tealet_survey.h. */
#include <tealet/tealet_extras.h>
#include <tealet/tealet_survey.h>

#include "support.h"

/* Sizes of headers and nodes: see docs/statistics.md and docs/c-api.md. */
#define NODE_BYTES 96
#define STACK_BYTES 40
#define HISTORY_BYTES 32

static tealet_t* main_tealet;

static tealet_t* pause_twice(tealet_t* self, void* arg) {
  (void)arg;
  tealet_switch(self->main, NULL, TEALET_XFER_DEFAULT);
  tealet_switch(self->main, NULL, TEALET_XFER_DEFAULT);
  return self->main;
}

static tealet_t* paused(void) {
  tealet_t* tealet = NULL;

  CHECK(tealet_spawn(main_tealet, &tealet, pause_twice, NULL, NULL, TEALET_START_SWITCH) == 0);
  return tealet;
}

static tealet_tealet_stats_t of(tealet_t* tealet) {
  tealet_tealet_stats_t stats;

  tealet_get_tealet_stats(tealet, &stats);
  return stats;
}

static void test_one_tealet(void) {
  tealet_t* tealet;
  tealet_t* copy;
  tealet_tealet_stats_t stats;

  main_tealet = tealet_initialize(NULL, 0);
  tealet = paused();
  copy = tealet_duplicate(tealet);
  stats = of(tealet);
  if (counting(main_tealet)) {
    CHECK(stats.saved_bytes == tealet_get_stacksize(tealet));
    CHECK(stats.extent >= stats.saved_bytes && stats.chunk_count == 1 && stats.sharers == 2);
    CHECK(stats.bytes_alone == NODE_BYTES + (STACK_BYTES + stats.saved_bytes) / 2);
    CHECK(stats.data_stack_bytes == 0);
  } else {
    CHECK(stats.saved_bytes == 0 && stats.bytes_alone == 0 && stats.sharers == 0);
  }
  CHECK(!stats.tracked && stats.switches == 0 && stats.extent_max == 0 && stats.age == 0);
  tealet_delete(copy);
  tealet_delete(tealet);
  tealet_finalize(main_tealet);
}

static void test_history(void) {
  tealet_t* before;
  tealet_t* tealet;
  tealet_tealet_stats_t stats;

  main_tealet = tealet_initialize(NULL, 0);
  before = paused();
  tealet_track(main_tealet);
  tealet = paused();
  CHECK(tealet_switch(before, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_switch(tealet, NULL, TEALET_XFER_DEFAULT) == 0);
  CHECK(!of(before).tracked && of(before).switches == 0);
  stats = of(tealet);
  if (counting(main_tealet)) {
    CHECK(stats.tracked && stats.switches == 2 && stats.extent_max >= stats.extent);
    CHECK(stats.extent != 0 && stats.age == 0);
    CHECK(stats.bytes_alone == NODE_BYTES + HISTORY_BYTES + STACK_BYTES + stats.saved_bytes);
    CHECK(of(main_tealet).tracked && of(main_tealet).switches == 3);
    CHECK(of(main_tealet).age == 2);
  } else {
    CHECK(!stats.tracked);
  }
  tealet_delete(before);
  tealet_delete(tealet);
  tealet_finalize(main_tealet);
}

static void test_all(void) {
  tealet_t* tealets[5];
  tealet_t* largest[7];
  tealet_survey_t survey;
  size_t sum = 0;
  size_t depths = 0;
  int i;

  main_tealet = tealet_initialize(NULL, 0);
  for (i = 0; i < 5; ++i) tealets[i] = paused();
  CHECK(tealet_get_survey(main_tealet, &survey, largest, 7) == 0);
  if (counting(main_tealet)) {
    for (i = 0; i < 5; ++i) sum += of(tealets[i]).bytes_alone;
    for (i = 0; i < TEALET_HISTOGRAM_SIZE; ++i) depths += survey.depths[i];
    CHECK(survey.count == 5 && depths == 5);
    CHECK(survey.cost.total == sum);
    CHECK(survey.cost.total + survey.domain_bytes == stats_of(main_tealet).bytes_allocated);
    CHECK(survey.depth.total == stats_of(main_tealet).stack_bytes_naive);
    CHECK(survey.depth.minimum <= survey.depth.median);
    CHECK(survey.depth.median <= survey.depth.percentile_99);
    CHECK(survey.depth.percentile_99 <= survey.depth.maximum);
    CHECK(survey.depth.mean * 5 > (double)survey.depth.total - 1);
    CHECK(survey.depth.mean * 5 < (double)survey.depth.total + 1);
    CHECK(survey.touched_stack_bytes >= survey.depth.total + 5 * 4096);
    for (i = 0; i < 5; ++i) CHECK(largest[i] != NULL && largest[i] != main_tealet);
    CHECK(of(largest[0]).bytes_alone == survey.cost.maximum);
  } else {
    CHECK(survey.count == 0 && survey.cost.total == 0 && largest[0] == NULL);
  }
  CHECK(largest[5] == NULL && largest[6] == NULL);
  CHECK(tealet_get_survey(main_tealet, &survey, NULL, 0) == 0);
  for (i = 0; i < 5; ++i) tealet_delete(tealets[i]);
  CHECK(tealet_get_survey(main_tealet, &survey, NULL, 0) == 0);
  CHECK(survey.count == 0);
  tealet_finalize(main_tealet);
}

int main(void) {
  test_one_tealet();
  test_history();
  test_all();
  return checks_done();
}
