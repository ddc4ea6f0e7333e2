// Attributes and built-in functions of GCC and clang that C++17 lacks.
#pragma once

#include <tealet/detail/compiler.h>

// Keeps the function's variables and saved registers out of its caller's frame.
#define TEALETPP_NOINLINE [[gnu::noinline]]
#define TEALETPP_COLD [[gnu::cold]]
#define TEALETPP_ALWAYS_INLINE [[gnu::always_inline]]
// Parameters as those of printf(): the format is the one numbered `text`, from 1; what it formats
// begins at `first`.
#define TEALETPP_PRINTF_LIKE(text, first) [[gnu::format(printf, text, first)]]
// For functions that run on bytes of the C stack which another execution may have poisoned.
#define TEALETPP_NO_SANITIZE_ADDRESS [[gnu::no_sanitize_address]]

// An address in the frame of the running function. Where the exact address matters, the function
// must be TEALETPP_NOINLINE.
#define TEALETPP_FRAME_ADDRESS() (static_cast<char*>(__builtin_frame_address(0)))
// The far end of that frame: the stack pointer of the caller, before the call.
#define TEALETPP_CALLERS_STACK_POINTER() (static_cast<char*>(__builtin_dwarf_cfa()))

// A thread-local variable without constructor, in the static part of thread-local memory. Reading
// it takes no call, in any library.
#define TEALETPP_THREAD_LOCAL __thread
#define TEALETPP_THREAD_LOCAL_MODEL __attribute__((tls_model("initial-exec")))

// Makes the compiler forget how `pointer` was computed. Otherwise it may keep both the pointer and
// what it was computed from, which takes one more register and, on a saved stack, 16 bytes.
#define TEALETPP_KEEP_IN_REGISTER(pointer) __asm__("" : "+r"(pointer))
