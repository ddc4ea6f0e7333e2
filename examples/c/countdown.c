/* The smallest program: a tealet counts down, and main prints. */
#include <tealet/tealet.h>

#include <stdio.h>

static tealet_t* countdown(tealet_t* current, void* arg) {
  int* n = (int*)arg;

  for (; *n > 0; --*n) {
    tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT); /* pause here, go back to main */
  }
  return current->main; /* the tealet has ended; main goes on */
}

int main(void) {
  tealet_alloc_t alloc = TEALET_ALLOC_INIT_MALLOC;
  tealet_t* main_tealet = tealet_initialize(&alloc, 0);
  tealet_t* t = tealet_new(main_tealet);
  int n = 3;
  void* arg = &n; /* a variable of main's stays in place while tealets run */

  tealet_run(t, countdown, &arg, NULL, TEALET_START_SWITCH);
  while (tealet_status(t) == TEALET_STATUS_ACTIVE) {
    printf("%d ", n);
    tealet_switch(t, NULL, TEALET_XFER_DEFAULT);
  }
  printf("liftoff\n");
  tealet_delete(t);
  tealet_finalize(main_tealet);
  return 0;
}
