// The engine's domain with what the C++ API adds to it.
#pragma once

#include <tealet/tealet.hpp>

#include <cstddef>
#include <exception>

#include "core/domain.hpp"

namespace tealet {

namespace core {

// Lies behind the node of a stub. The function comes later, and has a block of its own.
struct StubFunction {
  void* block;
  std::size_t size;
  Operate* operate;
};

// Calls and destroys the function of a tealet. Stored in Node::binding; nullptr if there is no
// function or it has been destroyed.
inline Operate* operate_of(const Node& node) noexcept {
  return reinterpret_cast<Operate*>(node.binding);
}

// tealet.hpp cannot include node.hpp, and has copies of these constants.
static_assert(extra_unit == Node::extra_unit && largest_extra == largest_node_extra);

}  // namespace core

struct CxxDomain : core::Domain {
  explicit CxxDomain(const Main::Options& options) noexcept;

  static CxxDomain& of(const core::Node& node) noexcept {
    return static_cast<CxxDomain&>(*node.domain());
  }

  // For a switch that returns no value. Throws the exception that it has received, Exit if the
  // running tealet must unwind, or the error that kept it from switching.
  [[noreturn]] void raise(core::SwitchResult switch_result, const char* doing);
  // Whether the target of `exit`, which leaves a tealet of this domain, is an enclosing tealet.
  bool targets_outer_tealet(const Exit& exit) const noexcept {
    return nesting().is_inside(exit.tealet_);
  }
  // Ends a tealet that does not run: unwinds a paused one, discards any other. An exception that
  // leaves it is in `sent_exception`. Errc::refused if it switched away instead; received() has the
  // message that it sent.
  Errc end_tealet(core::Node& node) noexcept;
  // Ends every tealet but main.
  void end_all_tealets() noexcept;

  // For each Tealet and TealetRef: counts the references to a tealet and to the domain. The last
  // unrefer() frees the block of an ended tealet, and the domain of a destroyed Main.
  void refer(core::Node& node) noexcept;
  void unrefer(core::Node& node) noexcept;

  std::exception_ptr sent_exception;  // what Signal::error sends
  std::size_t references = 0;
  bool main_destroyed = false;
};

}  // namespace tealet
