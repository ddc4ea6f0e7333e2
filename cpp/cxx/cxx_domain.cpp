#include "cxx/cxx_domain.hpp"

#include <utility>

#include "core/check.hpp"
#include "port/compiler.hpp"

namespace tealet {

namespace {

using core::Message;
using core::Node;
using core::Operation;
using core::Signal;

void destroy_function(Node& node) noexcept {
  core::Operate* const operate = core::operate_of(node);
  if (operate == nullptr) return;
  operate(node.extra(), Operation::destroy, nullptr);
  node.binding = nullptr;
}

// Turns the exception being handled, which has left a tealet's function, into the message to the
// tealet's parent.
TEALETPP_NOINLINE Message take_exception(const CxxDomain& domain, std::exception_ptr& exception) {
  exception = std::current_exception();
  try {
    throw;
  } catch (const Exit& exit) {
    if (domain.targets_outer_tealet(exit)) return {Signal::error, nullptr};
    exception = nullptr;
    return {};
  } catch (...) {
    return {Signal::error, nullptr};
  }
}

// Called by run() and not by release(), because it may switch: tealets unwind that the function
// owns, or whose domain was opened in this tealet.
TEALETPP_NOINLINE void clean_up(Node& node, std::exception_ptr& exception) {
  destroy_function(node);
  node.domain()->close_inner_domains(node);
  CxxDomain::of(node).sent_exception = std::move(exception);
}

// On the stack of every tealet, like Domain::on_begin(): keep its frame small.
Message run(Node& node, Message received) {
  std::exception_ptr exception;
  Message out = received;
  if (received.signal == Signal::error) {
    // throw_into() began the tealet: there is nothing on its stack that could catch the exception.
    exception = std::exchange(CxxDomain::of(node).sent_exception, nullptr);
  } else {
    try {
      out.value = core::operate_of(node)(node.extra(), Operation::invoke, received.value);
    } catch (...) {
      out = take_exception(CxxDomain::of(node), exception);
    }
  }
  clean_up(node, exception);
  return out;
}

bool release(Node& node) {
  // The function may own the last reference to its own tealet.
  node.references += 1;
  destroy_function(node);
  node.references -= 1;
  return node.references == 0;
}

void close(core::Domain& domain) {
  // One of its tealets runs: another library, or another copy of this one, has switched C stacks in
  // the middle of it. Nothing can be unwound, so the domain becomes orphaned.
  if (!domain.current().is_main()) return;
  static_cast<CxxDomain&>(domain).end_all_tealets();
  domain.close();
}

constexpr core::Hooks hooks{run, release, close, nullptr};

}  // namespace

CxxDomain::CxxDomain(const Main::Options& options) noexcept
    : core::Domain(hooks, options.upstream, options.memory_limit) {}

void CxxDomain::raise(core::SwitchResult switch_result, const char* doing) {
  if (const Errc code = core::code_of(switch_result); code != Errc::ok) {
    sent_exception = nullptr;
    throw_error(code, doing);
  }
  if (received().signal == Signal::unwind) throw Exit(current());
  TEALETPP_CHECK(received().signal == Signal::error && sent_exception != nullptr);
  std::rethrow_exception(std::exchange(sent_exception, nullptr));
}

Errc CxxDomain::end_tealet(Node& node) noexcept {
  TEALETPP_CHECK(&node != &current() && !node.is_main());
  if (node.status != Status::Suspended) {
    discard(node);
    received() = {};
    return Errc::ok;
  }
  refer(node);
  Errc code = unwind(node);
  if (code != Errc::ok) {
    received() = {};
  } else if (node.status != Status::Exited) {
    code = Errc::refused;
  }
  unrefer(node);
  return code;
}

void CxxDomain::end_all_tealets() noexcept {
  memory().set_limit(CountingAllocator::no_limit);
  // Parents first, as if the owner of each had ended it: destructors on a tealet's stack may use
  // the tealets that its variables own, its children above all.
  //
  // NOLINTNEXTLINE(*.NewDelete): unrefer() deletes the domain only if main_destroyed.
  while (Node* node = main().children.first()) {
    refer(*node);
    end_tealet(*node);
    sent_exception = nullptr;
    if (node->status != Status::Exited) discard(*node);
    unrefer(*node);
  }
}

void CxxDomain::refer(Node& node) noexcept {
  node.references += 1;
  references += 1;
}

void CxxDomain::unrefer(Node& node) noexcept {
  TEALETPP_CHECK(node.references != 0 && references != 0);
  references -= 1;
  if (--node.references == 0 && node.status == Status::Exited) free_block(node);
  if (main_destroyed && references == 0) delete this;
}

}  // namespace tealet
