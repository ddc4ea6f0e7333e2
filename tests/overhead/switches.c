/* Switches there and back as many times as it is told. */
#include <tealet/tealet.h>

#include <stdlib.h>

static tealet_t* run(tealet_t* current, void* arg) {
  (void)arg;
  while (tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT) == 0) continue;
  return current->main;
}

int main(int count, char** arguments) {
  long rounds = atol(arguments[1]);
  tealet_t* main_tealet = tealet_initialize(NULL, 0);
  tealet_t* tealet = tealet_new(main_tealet);
  (void)count;
  tealet_run(tealet, run, NULL, NULL, TEALET_START_SWITCH);
  while (--rounds > 0) tealet_switch(tealet, NULL, TEALET_XFER_DEFAULT);
  tealet_finalize(main_tealet);
  return 0;
}
