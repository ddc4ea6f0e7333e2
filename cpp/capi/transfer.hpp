// The C API: starting, switching and ending tealets, for the functions of tealet.h and
// tealet_extras.h.
#pragma once

#include <tealet/tealet.h>

#include "capi/c_domain.hpp"

namespace tealet::capi {

// How a tealet ends when its function returns: the arguments of TEALET_EXIT_DEFER. Lives on the
// tealet's own stack, so every duplicate and every fork has its own.
struct OwnEnd {
  tealet_t* target = nullptr;  // if the function returns none
  void* value = nullptr;
  int flags = TEALET_XFER_DEFAULT;
};

// The API function that the program called.
struct Caller {
  const char* here;  // its frame
  const char* function;
};

// Hooks::run: runs the function of a tealet that has just begun.
core::Message run_function(core::Node& self, core::Message received);

// tealet_run(). Without a function the tealet becomes a stub.
int start(core::Node& node, tealet_run_t run, void** parg, void* stack_far, int flags,
          const Caller& caller) noexcept;

// tealet_switch() of a caller whose frame is at `here`. Precondition: `target` does not run.
int switch_to(core::Node& target, void** parg, int flags, const char* here) noexcept;

// tealet_stub_run().
int run_stub(core::Node& stub, tealet_run_t run, void** parg, const char* here) noexcept;

}  // namespace tealet::capi
