// Transfers between the tealets of a C program: what tealet.h and tealet_extras.h have in common.
#pragma once

#include <tealet/tealet.h>

#include "capi/c_domain.hpp"

namespace tealet::capi {

// How a tealet ends when its function returns, as told before (TEALET_EXIT_DEFER). Lies on the
// tealet's own stack, so that every duplicate and every fork has one of its own.
struct OwnEnd {
  tealet_t* target = nullptr;  // if the function returns none
  void* value = nullptr;
  int flags = TEALET_XFER_DEFAULT;
};

// The engine's hook: runs the function of a tealet that has just begun.
core::Message run_function(core::Node& self, core::Message received);

// tealet_run(), also without a function: a stub.
int start(core::Node& node, tealet_run_t run, void** parg, void* stack_far, int flags,
          const char* here) noexcept;

// tealet_switch() to another tealet than the running one.
int switch_to(core::Node& target, void** parg, int flags, const char* here) noexcept;

// tealet_stub_run().
int run_stub(core::Node& stub, tealet_run_t run, void** parg, const char* here) noexcept;

}  // namespace tealet::capi
