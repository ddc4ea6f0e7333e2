/* What of the headers depends on the compiler. Not for users: nobody need define anything.
 */
#ifndef TEALET_DETAIL_COMPILER_H
#define TEALET_DETAIL_COMPILER_H

/* The names that the shared library exports: those declared with TEALET_API, no others. */

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

/* Which branch is the fast path. */
#if defined(__GNUC__)
#define TEALET_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define TEALET_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define TEALET_LIKELY(condition) (condition)
#define TEALET_UNLIKELY(condition) (condition)
#endif

#endif
