/* What every test program in C has: CHECK tells of what does not hold and goes on, checks_done() is
 * the result of main(). Nothing here jumps, since tests run on stacks that come and go.
 */
#ifndef TESTS_C_CHECK_H
#define TESTS_C_CHECK_H

#define CHECK(expression) ((expression) ? (void)0 : check_failed(__FILE__, __LINE__, #expression))
/* A place that is not reached. */
#define NEVER(what) check_failed(__FILE__, __LINE__, what)

void check_failed(const char* file, int line, const char* expression);
/* Says how many checks failed; 0 if none did, otherwise 1. */
int checks_done(void);

#endif
