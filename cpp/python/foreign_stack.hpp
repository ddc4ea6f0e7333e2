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

namespace tealetpp {

// Whether greenlet is loaded.
bool has_greenlet();

// Whether a tealet that began at `far` began on another greenlet's C stack: greenlet is loaded, and
// `far` lies beyond all interpreter loops of the running execution. Without greenlet the place says
// nothing, because a program that embeds Python may call it from anywhere on its stack. `paused`
// has the frames that were put away already; nullptr if none were.
TEALETPP_COLD bool began_elsewhere(const char* far, const PausedState* paused);

// The same, with a comparison first that rules it out in the usual case. `here` is on the C stack.
// False inside a tealet: only the loops on its own stack could be found there, and what lies beyond
// that stack belongs to its callers.
inline bool is_on_another_stack(PythonDomain& domain, const char* far, const void* here,
                                const PausedState* paused = nullptr) {
  TEALETPP_CHECK(domain.is_on_its_thread());
  return domain.current().is_main() && far > static_cast<const char*>(here) &&
         tealet::core::running_tealet->domain() == nullptr && began_elsewhere(far, paused);
}

// Whether a paused tealet cannot be resumed here.
bool is_on_another_stack(PythonDomain& domain, const Node& node);
// Whether that may hold for some tealet of an idle domain.
bool may_be_on_another_stack(PythonDomain& domain);
// Whether a pending tealet can certainly be resumed here. While another tealet runs, this is
// unknown for a tealet that began farther away: false until main runs.
bool can_end_here(PythonDomain& domain, const Node& node);

}  // namespace tealetpp
