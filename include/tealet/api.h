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

/* An inline function of which each library and each program has its own: with the static library,
 * it must call the functions of the copy that it was linked with. C++ only.
 */
#if defined(__GNUC__)
#define TEALET_INLINE inline __attribute__((visibility("hidden")))
#else
#define TEALET_INLINE inline
#endif

#endif
