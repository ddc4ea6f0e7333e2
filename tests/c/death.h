/* Death tests: what a process writes to stderr before it aborts. POSIX; include it before anything
 * that includes a header of the system's, after _POSIX_C_SOURCE.
 */
#ifndef TESTS_C_DEATH_H
#define TESTS_C_DEATH_H

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char said[512]; /* by the process that ended */

/* Whether a process that calls `function` aborts, after one line on stderr. */
static int aborts(void (*function)(void)) {
  int ends[2];
  int status = 0;
  size_t size = 0;
  ssize_t more;
  pid_t child;

  CHECK(pipe(ends) == 0);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    const struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    function();
    _exit(0);
  }
  close(ends[1]);
  while ((more = read(ends[0], said + size, sizeof said - 1 - size)) > 0) size += (size_t)more;
  said[size] = '\0';
  close(ends[0]);
  CHECK(waitpid(child, &status, 0) == child);
  {
    char* const end = strchr(said, '\n');
    int one_line = end != NULL;

    /* An emulator adds a line of its own. */
    if (one_line && strncmp(end + 1, "qemu:", 5) == 0) end[1] = '\0';
    if (one_line) one_line = end[1] == '\0';
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && one_line;
  }
}

#endif
