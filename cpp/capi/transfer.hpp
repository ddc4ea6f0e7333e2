// Transfers between the tealets of a C program: what tealet.h and tealet_extras.h have in common.
#pragma once

#include <tealet/tealet.h>

#include "c_domain.hpp"

namespace tealet::capi {

// Where a tealet goes when its function returns, if that was told before (TEALET_EXIT_DEFER). Lies
// on the tealet's own stack, so that every duplicate and every fork has one of its own.
struct OwnEnd {
  tealet_t* target = nullptr;
  void* value = nullptr;
  int flags = TEALET_XFER_DEFAULT;
};

// The engine's hook: runs the function of a tealet that has just begun.
core::Transfer run_function(core::Node& self, core::Transfer arrived);

// tealet_run(), also without a function: a stub.
int start(core::Node& node, tealet_run_t run, void** parg, void* stack_far, int flags,
          const char* here) noexcept;

// tealet_switch() to another tealet than the running one.
int switch_to(core::Node& target, void** parg, int flags, const char* here) noexcept;

}  // namespace tealet::capi
