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

// What the exception being handled, which has left a tealet's function, means for its parent.
TEALETPP_NOINLINE Message take_exception(const CxxDomain& domain, std::exception_ptr& raised) {
  raised = std::current_exception();
  try {
    throw;
  } catch (const Exit& exit) {
    if (domain.must_go_on(exit)) return {Signal::error, nullptr};
    raised = nullptr;
    return {};
  } catch (...) {
    return {Signal::error, nullptr};
  }
}

// Not left to release(): what the callable owns may be tealets, which switch to end. So may those
// of domains that are still open in this one.
TEALETPP_NOINLINE void clean_up(Node& node, std::exception_ptr& raised) {
  destroy_function(node);
  node.domain()->close_inner_domains(node);
  CxxDomain::of(node).raised = std::move(raised);
}

// On the stack of every tealet: see Domain::on_begin().
Message run(Node& node, Message received) {
  std::exception_ptr raised;
  Message out = received;
  if (received.signal == Signal::error) {
    // Thrown into before it began: there is nothing on its stack that could catch it.
    raised = std::exchange(CxxDomain::of(node).raised, nullptr);
  } else {
    try {
      out.value = core::operate_of(node)(node.extra(), Operation::invoke, received.value);
    } catch (...) {
      out = take_exception(CxxDomain::of(node), raised);
    }
  }
  clean_up(node, raised);
  return out;
}

bool release(Node& node) {
  // The callable may hold the last reference to its own tealet.
  node.references += 1;
  destroy_function(node);
  node.references -= 1;
  return node.references == 0;
}

void close(core::Domain& domain) {
  // One of its tealets is in the middle of something: coroutines of another kind, Python's tealets
  // perhaps, have changed the stack meanwhile. It stays as it is, and is stranded.
  if (!domain.current().is_main()) return;
  static_cast<CxxDomain&>(domain).end_all();
  domain.close();
}

constexpr core::Hooks hooks{run, release, close, nullptr};

}  // namespace

CxxDomain::CxxDomain(const Main::Options& options) noexcept
    : core::Domain(hooks, options.upstream, options.memory_limit) {}

void CxxDomain::raise(core::SwitchResult switch_result, const char* doing) {
  if (const Errc code = core::code_of(switch_result); code != Errc::ok) {
    raised = nullptr;
    throw_error(code, doing);
  }
  if (received().signal == Signal::unwind) throw Exit(current());
  TEALETPP_CHECK(received().signal == Signal::error && raised != nullptr);
  std::rethrow_exception(std::exchange(raised, nullptr));
}

Errc CxxDomain::end_other(Node& node) noexcept {
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

void CxxDomain::end_all() noexcept {
  memory().set_limit(CountingAllocator::no_limit);
  // Parents first, as if each was ended by its owner: what a tealet's variables own, its children
  // above all, must still be there for their destructors.
  // NOLINTNEXTLINE(*.NewDelete): unrefer() deletes only what is abandoned; this is not.
  while (Node* node = main().first_child) {
    refer(*node);
    end_other(*node);
    raised = nullptr;
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
  if (abandoned && references == 0) delete this;
}

}  // namespace tealet
