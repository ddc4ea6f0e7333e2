// Detects that another library, greenlet, has switched the C stack.
//
// A tealet can be resumed only on the C stack that it began on. Without greenlet a thread has one C
// stack. With greenlet, several greenlets use the same addresses in turn. A tealet may have begun
// there on the stack of another greenlet than the running one.
#pragma once

#include "core/check.hpp"
#include "core/domain.hpp"
#include "port/compiler.hpp"
#include "python/paused_state.hpp"
#include "python/python_domain.hpp"
#include "python/thread_domains.hpp"

namespace tealetpp {

// Whether greenlet is loaded.
bool has_greenlet();

// How far the C stack of the running execution reaches: up to its farthest interpreter loop, and at
// least to `paused`. What began farther away began on another greenlet's C stack. `unbounded`
// without greenlet: the place says nothing then, because a program that embeds Python may call it
// from anywhere on its stack. `paused` has the frames that were put away already; nullptr if none
// were.
TEALETPP_COLD const char* reach_of_c_stack(const PausedState* paused);

// How far the C stack reaches that the running tealet of another domain was resumed on.
inline const char* reach_around(const tealet::core::Domain& running) noexcept {
  const bool is_python = running.knows_running();
  return is_python ? static_cast<const PythonDomain&>(running).reach : tealet::core::unbounded;
}

// Main pauses. Sets PythonDomain::reach, if any tealet of the thread may have begun beyond it.
inline void note_reach(PythonDomain& domain, const PausedState& paused) {
  const tealet::core::Domain* const running = tealet::core::running_tealet->domain();
  const bool is_certain = domain.on_thread->farthest_begin() <= static_cast<const void*>(&paused);
  if (TEALET_UNLIKELY(running != nullptr)) {
    domain.reach = reach_around(*running);
  } else {
    domain.reach = TEALET_LIKELY(is_certain) ? tealet::core::unbounded : reach_of_c_stack(&paused);
  }
}

// Whether a tealet cannot be resumed by the running one, as far as that is noted.
inline bool is_out_of_reach(const PythonDomain& domain, const Node& node) {
  return node.far > domain.reach && !node.is_main();
}
// Whether a paused tealet cannot be resumed here.
bool is_on_another_stack(PythonDomain& domain, const Node& node);
// Whether that may hold for some tealet of an idle domain.
bool may_be_on_another_stack(PythonDomain& domain);
}  // namespace tealetpp
