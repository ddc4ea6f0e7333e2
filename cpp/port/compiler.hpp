// What C++17 has no word for: GCC's and clang's attributes and built-in functions.
#pragma once

#include <tealet/detail/compiler.h>

// Keeps the function's frame, and the registers that it saves, out of its caller's.
#define TEALETPP_NOINLINE [[gnu::noinline]]
#define TEALETPP_COLD [[gnu::cold]]
#define TEALETPP_ALWAYS_INLINE [[gnu::always_inline]]
// Parameters as those of printf(): the format is the one numbered `text`, from 1; what it formats
// begins at `first`.
#define TEALETPP_PRINTF_LIKE(text, first) [[gnu::format(printf, text, first)]]
// Runs on bytes of the C stack that AddressSanitizer may have poisoned for another execution.
#define TEALETPP_NO_SANITIZE_ADDRESS [[gnu::no_sanitize_address]]

// The running function's frame: a place on the C stack. The function must not be inlined where the
// exact place matters.
#define TEALETPP_FRAME_ADDRESS() static_cast<char*>(__builtin_frame_address(0))
// The far end of that frame: the stack pointer of the caller, before the call.
#define TEALETPP_CALLERS_STACK_POINTER() static_cast<char*>(__builtin_dwarf_cfa())

// A thread-local variable without constructor, in the static part of thread-local memory: read
// without a call, whatever library this is part of.
#define TEALETPP_THREAD_LOCAL __thread
#define TEALETPP_THREAD_LOCAL_MODEL __attribute__((tls_model("initial-exec")))
