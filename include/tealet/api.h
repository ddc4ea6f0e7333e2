/* Which names the shared library exports: those that are declared with TEALET_API, no others.
 * Whoever uses the library need not define anything.
 */
#ifndef TEALET_API_H
#define TEALET_API_H

#if defined(TEALET_SHARED) && defined(__GNUC__)
#define TEALET_API __attribute__((visibility("default")))
#else
#define TEALET_API
#endif

#endif
