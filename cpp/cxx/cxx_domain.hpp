// What the C++ face keeps beside the engine's domain.
#pragma once

#include <tealet/tealet.hpp>

#include <cstddef>
#include <exception>

#include "core/domain.hpp"

namespace tealet {

namespace core {

// What the C++ face keeps behind a stub's node: its function comes later, in a block of its own.
struct StubFunction {
  void* block;
  std::size_t size;
  Operate* operate;
};

// How the function of a tealet is used is in Node::binding: nullptr if there is none, or no more.
inline Operate* operate_of(const Node& node) noexcept {
  return reinterpret_cast<Operate*>(node.binding);
}

// What tealet.hpp tells its users is what the engine can do.
static_assert(extra_unit == Node::extra_unit && largest_extra == largest_node_extra);

}  // namespace core

struct CxxDomain : core::Domain {
  explicit CxxDomain(const Main::Options& options) noexcept;

  static CxxDomain& of(const core::Node& node) noexcept {
    return static_cast<CxxDomain&>(*node.domain());
  }

  // Throws what has arrived instead of a value, or why nothing was switched.
  [[noreturn]] void raise(core::SwitchResult switch_result, const char* doing);
  // Whether `exit`, out of a tealet of this domain, is for one that this domain was opened in.
  bool targets_outer_tealet(const Exit& exit) const noexcept { return nesting().is_inside(exit.tealet_); }
  // Ends a tealet that does not run, whatever its status, from the running one. What is raised
  // while it unwinds is left in `raised`; received() is what came instead if it did not end.
  Errc end_tealet(core::Node& node) noexcept;
  // Ends every tealet but main.
  void end_all_tealets() noexcept;

  // A TealetRef came to be, or is gone. The last one to go frees what is left of a tealet that has
  // ended, and of a Main that is gone.
  void refer(core::Node& node) noexcept;
  void unrefer(core::Node& node) noexcept;

  std::exception_ptr raised;  // on its way with Signal::error
  std::size_t references = 0;
  bool main_destroyed = false;  // its Main is gone
};

}  // namespace tealet
