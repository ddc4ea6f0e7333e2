// Ends the process when a program uses the C API in a way that would be undefined behaviour, with
// one line on stderr:
//
//   tealet: FUNCTION(): what is wrong (state: what runs)
//
// docs/c-api.md, "Misuse that ends the process", lists what is detected. A failure that a program
// can handle is returned as TEALET_ERR_* instead. A bug in this library fails a TEALETPP_CHECK.
#pragma once

#include <tealet/cxx/config.hpp>
#include <tealet/tealet.h>

#include "core/node.hpp"
#include "port/compiler.hpp"

namespace tealet::capi {

struct CDomain;

// `format` is that of printf().
[[noreturn]] TEALETPP_COLD TEALETPP_NOINLINE
    TEALETPP_PRINTF_LIKE(2, 3) void misuse(const char* function, const char* format, ...) noexcept;

[[noreturn]] TEALETPP_COLD TEALETPP_NOINLINE void misuse_null(const char* function,
                                                              const char* parameter) noexcept;

// Aborts if `argument`, passed to `function` as `parameter`, is null.
inline void require(const void* argument, const char* function, const char* parameter) noexcept {
  if (TEALET_UNLIKELY(argument == nullptr)) misuse_null(function, parameter);
}

// Aborts if `far`, an address above the caller's frame, is known to be beyond this thread's stack.
void require_on_stack(const void* far, const char* function, const char* parameter) noexcept;

// Aborts if a block from the program's allocator is not aligned for every type.
void require_aligned(const void* block) noexcept;

// RAII: the running tealet is in a callback, a function that the program gave the domain, such as
// tealet_lock_t::lock. A callback must not use that domain, which is in the middle of an operation.
// Does nothing in builds without checks.
class Callback {
 public:
#if TEALET_CHECKS
  Callback(const CDomain& domain, const char* name) noexcept;
  ~Callback();
  // Aborts if the running tealet is in a callback of `domain`.
  static void forbid(const CDomain& domain) noexcept;
#else
  Callback(const CDomain&, const char*) noexcept {}
  ~Callback() {}  // NOLINT(*-use-equals-default): avoids warnings of unused variables
  static void forbid(const CDomain&) noexcept {}
#endif
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

#if TEALET_CHECKS
  struct Running {
    const CDomain* domain;
    const char* name;
    const core::Node* tealet;
  };

 private:
  Running outer_;
#endif
};

}  // namespace tealet::capi
