/* The part of the headers that depends on the compiler. Not for users.
 */
#ifndef TEALET_DETAIL_COMPILER_H
#define TEALET_DETAIL_COMPILER_H

/* The shared library exports what is declared with TEALET_API, and nothing else. */

#if defined(TEALET_SHARED) && defined(__GNUC__)
#define TEALET_API __attribute__((visibility("default")))
#else
#define TEALET_API
#endif

/* An inline function that is not shared between libraries and programs. Each of them may be linked
 * with its own copy of the static library, and its inline functions must call that copy. C++ only.
 */
#if defined(__GNUC__)
#define TEALET_INLINE inline __attribute__((visibility("hidden")))
#else
#define TEALET_INLINE inline
#endif

/* Marks the branch of the fast path. */
#if defined(__GNUC__)
#define TEALET_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define TEALET_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define TEALET_LIKELY(condition) (condition)
#define TEALET_UNLIKELY(condition) (condition)
#endif

#endif
