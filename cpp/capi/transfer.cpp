#include "capi/transfer.hpp"

#include <cstdio>
#include <cstdlib>

#include "port/compiler.hpp"

namespace tealet::capi {

namespace {

using core::Message;
using core::Node;
using core::Signal;

constexpr int start_flags = TEALET_START_SWITCH;
constexpr int transfer_flags = TEALET_XFER_FORCE | TEALET_XFER_PANIC | TEALET_XFER_NOFAIL;
constexpr int exit_flags = transfer_flags | TEALET_EXIT_DELETE | TEALET_EXIT_DEFER;

constexpr unsigned char forked_main = TEALET_ORIGIN_MAIN_LINEAGE | TEALET_ORIGIN_FORK;

bool has(int flags, int flag) noexcept { return (flags & flag) != 0; }

// Before every transfer: 0, or why the caller, which has its frame at `here`, must not go.
int begin_transfer(CDomain& domain, const char* here) noexcept {
  if (const Errc code = domain.check_caller(here); code != Errc::ok) return error_of(code);
  return domain.before_transfer() ? 0 : TEALET_ERR_INTEGRITY;
}

// After it: why it has failed, or what the transfer that resumed the caller brought.
int finish_transfer(CDomain& domain, Errc code, void** parg) noexcept {
  domain.after_transfer();
  if (code != Errc::ok) return error_of(code);
  const Message received = domain.received();
  if (parg != nullptr) *parg = received.value;
  return received.signal == Signal::error ? TEALET_ERR_PANIC : 0;
}

Errc check_target(CDomain& domain, const Node& target, bool panic) noexcept {
  if (target.domain() != &domain) return Errc::foreign;
  switch (target.status) {
    case Status::Suspended:
      return Errc::ok;
    case Status::Stub:
      // Nothing in it could return the panic.
      return target.binding != nullptr && !panic ? Errc::ok : Errc::invalid;
    case Status::Defunct:
      return Errc::defunct;
    default:
      return Errc::invalid;
  }
}

// Whether an exit fails for want of memory only.
bool would_leave(CDomain& domain, const Node& target, int flags) noexcept {
  const Errc code = check_target(domain, target, has(flags, TEALET_XFER_PANIC));
  return code == Errc::ok || (code == Errc::defunct && has(flags, TEALET_XFER_NOFAIL));
}

// Makes `attempt(target, transfer, force)` as the flags have it.
template <class Attempt>
Errc transfer(CDomain& domain, Node& target, void* value, int flags, Attempt attempt) noexcept {
  const bool panic = has(flags, TEALET_XFER_PANIC);
  Errc code = check_target(domain, target, panic);
  if (code == Errc::ok) {
    const Message out{panic ? Signal::error : Signal::value, value};
    code = attempt(target, out, has(flags, TEALET_XFER_FORCE | TEALET_XFER_NOFAIL));
  }
  const bool failed = code == Errc::memory || code == Errc::defunct;
  if (!failed || !has(flags, TEALET_XFER_NOFAIL)) return code;
  const Message out{Signal::error, value};
  if (domain.current().is_main()) {
    domain.received() = out;
    return Errc::ok;
  }
  return attempt(domain.main(), out, true);
}

// Pauses the running tealet.
Errc leave_for(CDomain& domain, Node& target, void* const* parg, int flags) noexcept {
  void* const value = parg != nullptr ? *parg : nullptr;
  return transfer(domain, target, value, flags, [&](Node& to, Message out, bool force) {
    return core::code_of(domain.switch_to(to, out, force));
  });
}

// Ends the running tealet. Returns only if it cannot.
Errc exit_to(CDomain& domain, Node& target, void* value, int flags) noexcept {
  const bool keep = !has(flags, TEALET_EXIT_DELETE);
  return transfer(domain, target, value, flags, [&](Node& to, Message out, bool force) {
    return domain.exit_to(to, out, keep, force);
  });
}

// The function of the running tealet has returned `next`.
[[noreturn]] TEALETPP_NOINLINE void finish(CDomain& domain, tealet_t* next) noexcept {
  Node& self = domain.current();
  const OwnEnd own = *static_cast<OwnEnd*>(self.binding);
  if (next == nullptr) next = own.target;
  domain.close_inner_domains(self);
  const bool intact = domain.before_transfer();
  if (!intact) domain.before_transfer();  // which compares no more
  if (intact && next != nullptr) {
    exit_to(domain, node_of(next), own.value, own.flags | TEALET_XFER_NOFAIL);
  }
  // Program bug: reported to main as a panic.
  const int flags = (own.flags & TEALET_EXIT_DELETE) | TEALET_XFER_FORCE | TEALET_XFER_PANIC;
  exit_to(domain, domain.main(), own.value, flags);
  std::fputs("tealet: a tealet that ends cannot go to main\n", stderr);
  std::abort();
}

}  // namespace

Message run_function(Node& self, Message received) {
  CDomain& domain = CDomain::of(self);
  const tealet_run_t run = function_of(self);
  OwnEnd own;
  self.binding = &own;
  domain.after_transfer();
  tealet_t* next = run(handle_of(self), received.value);
  // Not `self` any more: a fork of it returns here, too.
  finish(domain, next);
}

int start(Node& node, tealet_run_t run, void** parg, void* stack_far, int flags,
          const char* here) noexcept {
  CDomain& domain = CDomain::of(node);
  if (node.status != Status::New || (flags & ~start_flags) != 0) return TEALET_ERR_INVAL;
  if (const int error = begin_transfer(domain, here); error != 0) return error;
  set_function(node, run);
  auto* const far = static_cast<char*>(stack_far);
  const bool now = flags == TEALET_START_SWITCH;
  Errc code = Errc::ok;
  if (now) {
    code = domain.start(node, {Signal::value, parg != nullptr ? *parg : nullptr}, far);
  } else {
    code = domain.capture(node, far);
  }
  return finish_transfer(domain, code, now ? parg : nullptr);  // a capture brings nothing
}

TEALETPP_NOINLINE int switch_to(Node& target, void** parg, int flags, const char* here) noexcept {
  CDomain& domain = CDomain::of(target);
  if (const int error = begin_transfer(domain, here); error != 0) return error;
  const Errc code = leave_for(domain, target, parg, flags);
  return finish_transfer(domain, code, parg);
}

int run_stub(Node& stub, tealet_run_t run, void** parg, const char* here) noexcept {
  CDomain& domain = CDomain::of(stub);
  if (const int error = begin_transfer(domain, here); error != 0) return error;
  Errc code = Errc::invalid;
  if (stub.status == Status::Stub && stub.binding == nullptr) {
    set_function(stub, run);
    code = leave_for(domain, stub, parg, TEALET_XFER_DEFAULT);
    if (code != Errc::ok) stub.binding = nullptr;
  }
  return finish_transfer(domain, code, parg);
}

}  // namespace tealet::capi

using namespace tealet;
using namespace tealet::capi;

TEALETPP_NOINLINE int tealet_run(tealet_t* tealet, tealet_run_t run, void** parg, void* stack_far,
                                 int flags) {
  if (run == nullptr) return TEALET_ERR_INVAL;
  const auto* here = TEALETPP_FRAME_ADDRESS();
  return start(node_of(tealet), run, parg, stack_far, flags, here);
}

TEALETPP_NOINLINE int tealet_switch(tealet_t* target, void** parg, int flags) {
  if ((flags & ~transfer_flags) != 0) return TEALET_ERR_INVAL;
  core::Node& node = node_of(target);
  const CDomain& domain = CDomain::of(node);
  if (&node != &domain.current()) {
    return switch_to(node, parg, flags, TEALETPP_FRAME_ADDRESS());
  }
  // It runs: but is it the caller?
  if (const Errc code = domain.check(); code != Errc::ok) return error_of(code);
  return has(flags, TEALET_XFER_PANIC) ? TEALET_ERR_PANIC : 0;
}

TEALETPP_NOINLINE int tealet_exit(tealet_t* target, void* arg, int flags) {
  CDomain& domain = domain_of(target);
  core::Node& self = domain.current();
  const auto* here = TEALETPP_FRAME_ADDRESS();
  const bool possible = (flags & ~exit_flags) == 0 && !self.is_main() && &node_of(target) != &self;
  if (!possible) return TEALET_ERR_INVAL;
  if (const Errc code = domain.check_caller(here); code != Errc::ok) return error_of(code);
  if (has(flags, TEALET_EXIT_DEFER)) {
    // A fork of main has no function that could return.
    if (self.binding == nullptr) return TEALET_ERR_INVAL;
    *static_cast<OwnEnd*>(self.binding) = {target, arg, flags & ~TEALET_EXIT_DEFER};
    return 0;
  }
  if (would_leave(domain, node_of(target), flags) &&
      domain.nesting().to_close_in(self) != nullptr) {
    const bool forced = has(flags, TEALET_XFER_FORCE | TEALET_XFER_NOFAIL);
    if (!forced && !domain.save_for_exit(node_of(target))) return TEALET_ERR_MEM;
    // What ends with it runs code of its own: not under the lock, and only if this is no mistake.
    domain.close_inner_domains(self);
  }
  if (!domain.before_transfer()) return TEALET_ERR_INTEGRITY;
  const Errc code = exit_to(domain, node_of(target), arg, flags);
  return finish_transfer(domain, code, nullptr);
}

TEALETPP_NOINLINE int tealet_fork(tealet_t* tealet, void** parg, int flags) {
  core::Node& copy = node_of(tealet);
  CDomain& domain = CDomain::of(copy);
  if (copy.status != Status::New || (flags & ~start_flags) != 0) return TEALET_ERR_INVAL;
  const auto* here = TEALETPP_FRAME_ADDRESS();
  if (const Errc code = domain.check_caller(here); code != Errc::ok) return error_of(code);
  core::Node& self = domain.current();
  if (self.far == core::unbounded) return TEALET_ERR_UNFORKABLE;
  if (!domain.before_transfer()) return TEALET_ERR_INTEGRITY;
  copy.binding = self.binding;
  copy.origin = (self.origin & TEALET_ORIGIN_MAIN_LINEAGE) != 0 ? forked_main : TEALET_ORIGIN_FORK;
  const Errc code = domain.fork(copy, flags == TEALET_START_SWITCH);
  if (code != Errc::ok) copy.origin = 0;
  return finish_transfer(domain, code, parg);
}
