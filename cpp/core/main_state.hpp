// What the C++ face keeps beside the engine's domain.
#pragma once

#include <tealet/tealet.hpp>

#include <exception>

#include "domain.hpp"

namespace tealet {

struct MainState : core::Domain {
  explicit MainState(const Main::Options& options) noexcept;

  static MainState& of(const core::Node& node) noexcept {
    return *static_cast<MainState*>(node.domain);
  }
  static Tealet* owner_of(const core::Node* node) noexcept;

  // Switches and returns what comes back, or throws it.
  void* exchange(core::Node& target, core::Transfer out, const char* doing);
  // The result of the switch that has just returned: a value, or an exception that is raised here.
  void* receive();
  // Ends a tealet that does not run, whatever its status, from the running one. What is raised while
  // it unwinds is left in `raised`.
  Errc end_other(core::Handle& handle) noexcept;
  // Ends every tealet but main.
  void end_all() noexcept;

  Tealet self;
  std::exception_ptr raised;  // on its way with Signal::error
};

}  // namespace tealet
