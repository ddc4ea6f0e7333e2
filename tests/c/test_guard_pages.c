/* Guard pages: who touches the stack beyond a tealet's far end gets SIGSEGV, at that address.
 * POSIX: every touch happens in a process of its own, which tells through shared memory what it
 * saw.
 */
#define _DEFAULT_SOURCE

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define FAULT 1
#define NO_FAULT 2

typedef struct seen_t {
  volatile int what;
  void* volatile address;
  volatile int result;
} seen_t;

static seen_t* seen;
static tealet_t* main_tealet;
static size_t page;

/* What a tealet touches. */
static volatile char* touched;
static int writes;

static void on_fault(int number_of_signal, siginfo_t* information, void* context) {
  (void)number_of_signal;
  (void)context;
  seen->address = information->si_addr;
  seen->what = FAULT;
  _exit(0);
}

static tealet_t* touches(tealet_t* current, void* arg) {
  (void)arg;
  if (writes) {
    *touched = (char)(*touched + 1);
  } else {
    writes = (unsigned char)*touched;
  }
  return current->main;
}

/* Ten pages of stack, the first one at the returned address, all beyond whatever `use` starts. Not
 * inline: in main's own frame they would lie beyond its limit.
 */
#ifdef __GNUC__
__attribute__((noinline))
#endif
static void with_pages(void (*use)(char* pages)) {
  char room[11 * 65536];
  char* pages = room + (-(uintptr_t)room) % page;

  memset(room, 0, sizeof room);
  use(pages);
}

static void watch(unsigned int flags, size_t bytes, int mode, void* limit) {
  tealet_config_t config = TEALET_CONFIG_INIT;

  config.flags = TEALET_CONFIGF_STACK_INTEGRITY | flags;
  config.stack_integrity_bytes = bytes;
  config.stack_guard_mode = mode;
  config.stack_integrity_fail_policy = TEALET_STACK_INTEGRITY_FAIL_ERROR;
  config.stack_guard_limit = limit;
  CHECK(tealet_configure_set(main_tealet, &config) == 0);
}

/* Runs a tealet from `far` up that touches `address`, in a process of its own. Returns FAULT if it
 * got a signal at that address, otherwise NO_FAULT, and the result of tealet_run() is in `seen`.
 */
static int touch(tealet_run_t run, char* far, char* address, int write) {
  pid_t child;

  memset(seen, 0, sizeof *seen);
  child = fork();
  if (child == 0) {
    struct sigaction action;
    tealet_t* t = tealet_new(main_tealet);

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    touched = address;
    writes = write;
    seen->result = tealet_run(t, run, NULL, far, TEALET_START_SWITCH);
    seen->what = NO_FAULT;
    _exit(0);
  }
  CHECK(waitpid(child, NULL, 0) == child);
  CHECK(seen->what != FAULT || seen->address == address);
  return seen->what;
}

/* Full pages are guarded; the far end is in the middle of the page before them. */
static void guard(char* pages) {
  char* far = pages + page / 2;
  char* first = pages + page; /* the first full page */

  watch(TEALET_CONFIGF_STACK_GUARD, 3 * page, TEALET_STACK_GUARD_MODE_READONLY, NULL);
  CHECK(touch(touches, far, first, 1) == FAULT);
  CHECK(touch(touches, far, first + 2 * page - 1, 1) == FAULT);
  CHECK(touch(touches, far, first, 0) == NO_FAULT); /* reading is allowed */
  CHECK(seen->result == 0);
  CHECK(touch(touches, far, first - 1, 1) == NO_FAULT); /* not a full page of the window */
  CHECK(seen->result == 0);                             /* and no snapshot */
  CHECK(touch(touches, far, first + 2 * page, 1) == NO_FAULT);

  watch(TEALET_CONFIGF_STACK_GUARD, 3 * page, TEALET_STACK_GUARD_MODE_NOACCESS, NULL);
  CHECK(touch(touches, far, first, 1) == FAULT);
  CHECK(touch(touches, far, first, 0) == FAULT);
  CHECK(touch(touches, far, first + 2 * page - 1, 0) == FAULT);
  CHECK(touch(touches, far, first - 1, 0) == NO_FAULT);
  CHECK(touch(touches, far, first + 2 * page, 0) == NO_FAULT);

  /* A far end on the edge of a page. */
  watch(TEALET_CONFIGF_STACK_GUARD, page, TEALET_STACK_GUARD_MODE_NOACCESS, NULL);
  CHECK(touch(touches, first, first, 0) == FAULT);
  CHECK(touch(touches, first, first - 1, 0) == NO_FAULT);
  CHECK(touch(touches, first, first + page, 0) == NO_FAULT);
  /* Too small a window for a page. */
  watch(TEALET_CONFIGF_STACK_GUARD, page - 1, TEALET_STACK_GUARD_MODE_NOACCESS, NULL);
  CHECK(touch(touches, first, first, 0) == NO_FAULT);
  watch(TEALET_CONFIGF_STACK_GUARD, 100, TEALET_STACK_GUARD_MODE_NOACCESS, NULL);
  CHECK(touch(touches, far, far, 0) == NO_FAULT);
  CHECK(touch(touches, far, first, 0) == NO_FAULT);
}

static void guard_up_to_a_limit(char* pages) {
  char* first = pages + page;

  watch(TEALET_CONFIGF_STACK_GUARD, 8 * page, TEALET_STACK_GUARD_MODE_NOACCESS,
        first + 2 * page + 100);
  CHECK(touch(touches, first, first + 2 * page - 1, 0) == FAULT);
  CHECK(touch(touches, first, first + 2 * page, 0) == NO_FAULT);
}

/* A snapshot has the bytes on both sides that are not guarded. */
static void guard_and_snapshot(char* pages) {
  char* far = pages + page / 2;
  char* first = pages + page;
  const unsigned int both = TEALET_CONFIGF_STACK_GUARD | TEALET_CONFIGF_STACK_SNAPSHOT;

  watch(both, 3 * page, TEALET_STACK_GUARD_MODE_NOACCESS, NULL);
  CHECK(touch(touches, far, first, 1) == FAULT);
  CHECK(touch(touches, far, first + 2 * page - 1, 1) == FAULT);
  CHECK(touch(touches, far, first - 1, 1) == NO_FAULT);
  CHECK(seen->result == TEALET_ERR_PANIC);
  CHECK(touch(touches, far, far, 1) == NO_FAULT);
  CHECK(seen->result == TEALET_ERR_PANIC);
  CHECK(touch(touches, far, first + 2 * page, 1) == NO_FAULT);
  CHECK(seen->result == TEALET_ERR_PANIC);
  CHECK(touch(touches, far, far + 3 * page - 1, 1) == NO_FAULT);
  CHECK(seen->result == TEALET_ERR_PANIC);
  CHECK(touch(touches, far, far + 3 * page, 1) == NO_FAULT);
  CHECK(seen->result == 0);
  CHECK(touch(touches, far, first - 1, 0) == NO_FAULT);
  CHECK(seen->result == 0);
  watch(both, 3 * page, TEALET_STACK_GUARD_MODE_READONLY, NULL);
  CHECK(touch(touches, far, first, 1) == FAULT);
  CHECK(touch(touches, far, first, 0) == NO_FAULT);
  /* Without a full page the snapshot has it all. */
  watch(both, page, TEALET_STACK_GUARD_MODE_READONLY, NULL);
  CHECK(touch(touches, far, far, 1) == NO_FAULT);
  CHECK(seen->result == TEALET_ERR_PANIC);
  CHECK(touch(touches, far, far + page - 1, 1) == NO_FAULT);
  CHECK(seen->result == TEALET_ERR_PANIC);
}

/* While main or another tealet runs, the pages are not guarded. */
static tealet_t* copy_of_it;

static tealet_t* pauses_and_touches(tealet_t* current, void* arg) {
  tealet_t* other = tealet_new(current);

  if (copy_of_it != NULL) CHECK(tealet_fork(copy_of_it, NULL, TEALET_START_DEFAULT) == 0);
  tealet_switch(current->main, NULL, TEALET_XFER_DEFAULT);
  /* A tealet that it starts is on top of it, and is watched from there. */
  CHECK(tealet_run(other, echo, NULL, NULL, TEALET_START_SWITCH) == 0);
  return touches(current, arg);
}

static void guard_while_it_runs(char* pages) {
  tealet_t* t = tealet_new(main_tealet);
  tealet_t* twin;

  watch(TEALET_CONFIGF_STACK_GUARD, 4 * page, TEALET_STACK_GUARD_MODE_NOACCESS, NULL);
  copy_of_it = tealet_new(main_tealet);
  CHECK(tealet_run(t, pauses_and_touches, NULL, pages, TEALET_START_SWITCH) == 0);
  memset(pages, 2, 4 * page);
  twin = tealet_duplicate(t);
  touched = pages;
  seen->address = NULL;
  {
    tealet_t* all[3];
    int i;

    all[0] = t;
    all[1] = twin;
    all[2] = copy_of_it;
    for (i = 0; i < 3; ++i) {
      struct sigaction action;
      int status = 0;
      pid_t child = fork();

      if (child == 0) {
        memset(&action, 0, sizeof action);
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGSEGV, &action, NULL);
        while (tealet_status(all[i]) == TEALET_STATUS_ACTIVE) {
          CHECK(tealet_switch(all[i], NULL, TEALET_XFER_DEFAULT) == 0);
          pages[1] = 3;
        }
        _exit(0);
      }
      CHECK(waitpid(child, &status, 0) == child);
      CHECK(seen->address == pages);
      seen->address = NULL;
    }
  }
  copy_of_it = NULL;
  tealet_delete(t);
  tealet_delete(twin);
}

/* Watched up to where the check was asked for: that caller's variables may be touched. */
static void check_stack(char* pages) {
  CHECK(tealet_configure_check_stack(main_tealet, 4 * page) == 0);
  CHECK(touch(touches, pages, pages, 0) == NO_FAULT);
}

static void guard_below(char* pages) {
  CHECK(touch(touches, pages, pages, 0) == FAULT);
  CHECK(touch(touches, pages, pages + 4 * page - 1, 1) == FAULT);
  CHECK(touch(touches, pages, pages + 4 * page, 0) == NO_FAULT);
}

static tealet_t* reconfigures(tealet_t* current, void* arg) {
  watch(TEALET_CONFIGF_STACK_SNAPSHOT, 64, 0, NULL);
  touches(current, arg);
  watch(TEALET_CONFIGF_STACK_GUARD, page, TEALET_STACK_GUARD_MODE_NOACCESS, NULL);
  touched += page;
  touches(current, arg);
  touched -= page;
  return touches(current, arg); /* only now */
}

static void reconfigure(char* pages) {
  watch(TEALET_CONFIGF_STACK_GUARD, 4 * page, TEALET_STACK_GUARD_MODE_NOACCESS, NULL);
  CHECK(touch(reconfigures, pages, pages + page - 1, 1) == FAULT);
}

int main(void) {
  page = (size_t)sysconf(_SC_PAGESIZE);
  seen =
      (seen_t*)mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  main_tealet = tealet_initialize(NULL, 0);
  with_pages(guard);
  with_pages(guard_up_to_a_limit);
  with_pages(guard_and_snapshot);
  with_pages(guard_while_it_runs);
  with_pages(check_stack);
  with_pages(reconfigure);
  CHECK(tealet_configure_check_stack(main_tealet, 4 * page) == 0);
  with_pages(guard_below);
  tealet_finalize(main_tealet);
  return checks_done();
}
