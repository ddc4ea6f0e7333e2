#include "capi/transfer.hpp"

#include "capi/misuse.hpp"
#include "core/check.hpp"
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

// Before every transfer by a caller whose frame is at `here`. An error means that it cannot begin.
int begin_transfer(CDomain& domain, const char* here) noexcept {
  if (const Errc code = domain.check_caller(here); code != Errc::ok) return error_of(code);
  return domain.before_transfer() ? 0 : TEALET_ERR_INTEGRITY;
}

// After every transfer. Returns its error if it failed. Otherwise stores the value of the transfer
// that has resumed the caller, and returns TEALET_ERR_PANIC if that was a panic.
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
      // A tealet that has not begun has no call that could return the panic.
      return target.binding != nullptr && !panic ? Errc::ok : Errc::invalid;
    case Status::Defunct:
      return Errc::defunct;
    default:
      return Errc::invalid;
  }
}

// Whether nothing but a lack of memory can make an exit fail.
bool can_exit(CDomain& domain, const Node& target, int flags) noexcept {
  const Errc code = check_target(domain, target, has(flags, TEALET_XFER_PANIC));
  return code == Errc::ok || (code == Errc::defunct && has(flags, TEALET_XFER_NOFAIL));
}

// Calls `attempt(target, message, force)` as the flags say.
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

// Ends the running tealet, whose function has returned `next`.
[[noreturn]] TEALETPP_NOINLINE void finish(CDomain& domain, tealet_t* next) noexcept {
  Node& self = domain.current();
  // A duplicate of an enclosing tealet runs the same code, but has none of its domains.
  if (const Errc code = domain.check(); TEALET_UNLIKELY(code != Errc::ok)) {
    misuse("tealet_run",
           "a function has returned where its domain cannot be used (state: tealet %p runs; %s)",
           static_cast<void*>(handle_of(self)), describe(code));
  }
  TEALETPP_CHECK(self.binding != nullptr);
  const OwnEnd own = *static_cast<OwnEnd*>(self.binding);
  if (next == nullptr) next = own.target;
  domain.close_inner_domains(self);
  const bool intact = domain.before_transfer();
  if (!intact) domain.before_transfer();  // the second call does not compare
  if (intact && next != nullptr) {
    exit_to(domain, node_of(next), own.value, own.flags | TEALET_XFER_NOFAIL);
  }
  // Program bug: reported to main as a panic.
  const int flags = (own.flags & TEALET_EXIT_DELETE) | TEALET_XFER_FORCE | TEALET_XFER_PANIC;
  exit_to(domain, domain.main(), own.value, flags);
  misuse("tealet_run",
         "the function has returned and cannot go to main (state: tealet %p runs; %s)",
         static_cast<void*>(handle_of(domain.current())), describe(domain.check()));
}

}  // namespace

Message run_function(Node& self, Message received) {
  CDomain& domain = CDomain::of(self);
  const tealet_run_t run = function_of(self);
  TEALETPP_CHECK(run != nullptr);
  OwnEnd own;
  self.binding = &own;
  domain.after_transfer();
  tealet_t* next = run(handle_of(self), received.value);
  // The running tealet may be another one than `self`: a fork of it returns here, too.
  finish(domain, next);
}

int start(Node& node, tealet_run_t run, void** parg, void* stack_far, int flags,
          const Caller& caller) noexcept {
  CDomain& domain = CDomain::of(node);
  if (node.status != Status::New || (flags & ~start_flags) != 0) return TEALET_ERR_INVAL;
  if (const int error = begin_transfer(domain, caller.here); error != 0) return error;
  if (TEALET_UNLIKELY(stack_far != nullptr)) {
    require_on_stack(stack_far, caller.function, "stack_far");
  }
  set_function(node, run);
  auto* const far = static_cast<char*>(stack_far);
  const bool now = flags == TEALET_START_SWITCH;
  Errc code = Errc::ok;
  if (now) {
    code = domain.start(node, {Signal::value, parg != nullptr ? *parg : nullptr}, far);
  } else {
    code = domain.capture(node, far);
  }
  return finish_transfer(domain, code, now ? parg : nullptr);  // a capture receives no value
}

TEALETPP_NOINLINE int switch_to(Node& target, void** parg, int flags, const char* here) noexcept {
  TEALETPP_CHECK(target.status != Status::Running);
  CDomain& domain = CDomain::of(target);
  if (const int error = begin_transfer(domain, here); error != 0) return error;
  const Errc code = leave_for(domain, target, parg, flags);
  return finish_transfer(domain, code, parg);
}

int run_stub(Node& stub, tealet_run_t run, void** parg, const char* here) noexcept {
  CDomain& domain = CDomain::of(stub);
  if (const int error = begin_transfer(domain, here); error != 0) return error;
  // Only a stub, and a fork of main, have no function. A defunct one has lost its status of a stub.
  const bool was_stub = stub.binding == nullptr && (stub.origin & TEALET_ORIGIN_FORK) == 0;
  Errc code = stub.status == Status::Defunct && was_stub ? Errc::defunct : Errc::invalid;
  TEALETPP_CHECK(run != nullptr);
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
  require(tealet, __func__, "tealet");
  if (run == nullptr) return TEALET_ERR_INVAL;
  const Caller caller{TEALETPP_FRAME_ADDRESS(), __func__};
  return start(node_of(tealet), run, parg, stack_far, flags, caller);
}

TEALETPP_NOINLINE int tealet_switch(tealet_t* target, void** parg, int flags) {
  require(target, __func__, "target");
  if ((flags & ~transfer_flags) != 0) return TEALET_ERR_INVAL;
  core::Node& node = node_of(target);
  if (node.status != Status::Running) {
    return switch_to(node, parg, flags, TEALETPP_FRAME_ADDRESS());
  }
  // The domain's running tealet. It is the caller only if the domain can be used here and now.
  if (const Errc code = CDomain::of(node).check(); code != Errc::ok) return error_of(code);
  return has(flags, TEALET_XFER_PANIC) ? TEALET_ERR_PANIC : 0;
}

TEALETPP_NOINLINE int tealet_exit(tealet_t* target, void* arg, int flags) {
  require(target, __func__, "target");
  CDomain& domain = domain_of(target);
  core::Node& self = domain.current();
  const auto* here = TEALETPP_FRAME_ADDRESS();
  const bool possible = (flags & ~exit_flags) == 0 && !self.is_main() && &node_of(target) != &self;
  if (!possible) return TEALET_ERR_INVAL;
  if (const Errc code = domain.check_caller(here); code != Errc::ok) return error_of(code);
  if (has(flags, TEALET_EXIT_DEFER)) {
    // A fork of main has no function to return from.
    if (self.binding == nullptr) return TEALET_ERR_INVAL;
    *static_cast<OwnEnd*>(self.binding) = {target, arg, flags & ~TEALET_EXIT_DEFER};
    return 0;
  }
  if (can_exit(domain, node_of(target), flags) && domain.nesting().to_close_in(self) != nullptr) {
    const bool forced = has(flags, TEALET_XFER_FORCE | TEALET_XFER_NOFAIL);
    if (!forced && !domain.save_for_exit(node_of(target))) return TEALET_ERR_MEM;
    // Closing runs destructors: without the lock, and only after the arguments have been checked.
    domain.close_inner_domains(self);
  }
  if (!domain.before_transfer()) return TEALET_ERR_INTEGRITY;
  const Errc code = exit_to(domain, node_of(target), arg, flags);
  return finish_transfer(domain, code, nullptr);
}

TEALETPP_NOINLINE int tealet_fork(tealet_t* tealet, void** parg, int flags) {
  require(tealet, __func__, "tealet");
  core::Node& copy = node_of(tealet);
  CDomain& domain = CDomain::of(copy);
  if (copy.status != Status::New || (flags & ~start_flags) != 0) return TEALET_ERR_INVAL;
  const auto* here = TEALETPP_FRAME_ADDRESS();
  if (const Errc code = domain.check_caller(here); code != Errc::ok) return error_of(code);
  core::Node& self = domain.current();
  if (self.far == core::unbounded) return TEALET_ERR_UNFORKABLE;
  if (here >= self.far) {
    misuse(__func__,
           "the caller is beyond the far end of the running tealet (state: tealet %p runs; its far "
           "end is %p, the caller's frame is at %p)",
           static_cast<void*>(handle_of(self)), static_cast<void*>(self.far),
           static_cast<const void*>(here));
  }
  if (!domain.before_transfer()) return TEALET_ERR_INTEGRITY;
  copy.binding = self.binding;
  copy.origin = (self.origin & TEALET_ORIGIN_MAIN_LINEAGE) != 0 ? forked_main : TEALET_ORIGIN_FORK;
  const Errc code = domain.fork(copy, flags == TEALET_START_SWITCH);
  if (code != Errc::ok) copy.origin = 0;
  return finish_transfer(domain, code, parg);
}
