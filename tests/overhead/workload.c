/* Does each thing as many times as it is told: workload SWITCHES SPAWNS STATS
 *
 * A switch is one there and one back; a spawn creates a tealet, runs a function in it, and ends. */
#include <tealet/tealet.h>

#include <stdlib.h>

static tealet_t* pause_again(tealet_t* current, void* arg) {
  (void)arg;
  while (tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0) continue;
  return current->main;
}

static tealet_t* end(tealet_t* current, void* arg) {
  (void)arg;
  return current->main;
}

static tealet_t* begun(tealet_t* main_tealet, tealet_run_t run) {
  tealet_t* tealet = tealet_new(main_tealet);
  tealet_run(tealet, run, NULL, NULL, TEALET_START_SWITCH);
  return tealet;
}

int main(int count, char** arguments) {
  long switches = atol(arguments[1]);
  long spawns = atol(arguments[2]);
  long stats = atol(arguments[3]);
  tealet_t* main_tealet = tealet_initialize(NULL, 0);
  tealet_t* tealet = begun(main_tealet, pause_again);
  tealet_stats_t figures;
  (void)count;
  while (switches-- > 0) tealet_switch(tealet, NULL, TEALET_XFER_DEFAULT);
  while (spawns-- > 0) tealet_delete(begun(main_tealet, end));
  while (stats-- > 0) tealet_get_stats(main_tealet, &figures);
  tealet_finalize(main_tealet);
  return 0;
}
