#include <tealet/tealet.hpp>

#include <string>
#include <utility>

#include "core/check.hpp"
#include "cxx/cxx_domain.hpp"
#include "port/compiler.hpp"

namespace tealet {

using core::Node;
using core::Operation;
using core::Signal;
using core::StubFunction;
using core::SwitchResult;

namespace {

bool alive(const Node* node) noexcept { return node != nullptr && node->status != Status::Exited; }

[[noreturn]] TEALETPP_NOINLINE void throw_unusable(const Node* node, const char* doing) {
  if (!alive(node)) throw InvalidError(Errc::invalid, std::string(doing) + ": it has ended");
  // NOLINTNEXTLINE(*.NonNullParamChecker): one that is alive is there.
  throw_error(CxxDomain::of(*node).check(*node), doing);
}

// The domain of a tealet that has not ended, if the tealet can be used here and now.
CxxDomain& usable(const Node* node, const char* doing) {
  const bool can_be = alive(node) && CxxDomain::of(*node).check(*node) == Errc::ok;
  if (TEALET_UNLIKELY(!can_be)) throw_unusable(node, doing);
  return CxxDomain::of(*node);
}

CxxDomain& usable_stub(const Node* node, const char* doing) {
  CxxDomain& domain = usable(node, doing);
  if (node->status != Status::Stub) {
    throw InvalidError(Errc::invalid,
                       std::string(doing) + ": it is no stub but " + describe(node->status));
  }
  return domain;
}

[[noreturn]] TEALETPP_NOINLINE void throw_stub() {
  throw InvalidError(Errc::invalid, "switching to a stub: it has no function, use run()");
}

constexpr const char* switching = "switching to a tealet";

TEALETPP_NOINLINE SwitchResult switch_slow(Node* node, void* value) {
  CxxDomain& domain = usable(node, switching);
  if (node == &domain.current()) return {0, value};
  if (node->status == Status::Stub) throw_stub();
  return domain.switch_to(*node, {Signal::value, value});
}

}  // namespace

void* core::extra_of(Node& node) noexcept { return node.extra(); }

void core::set_operate(Node& node, Operate* operate) noexcept {
  node.binding = reinterpret_cast<void*>(operate);
}

// The fast path: a paused tealet. switch_slow() finds out what is wrong otherwise.
SwitchResult core::switch_to(Node* target, void* value) {
  const bool fast = target != nullptr && target->domain()->can_switch_fast(*target);
  if (TEALET_UNLIKELY(!fast)) return switch_slow(target, value);
  return target->domain()->switch_fast(*target, value);
}

SwitchResult core::switch_to_main(CxxDomain& domain, void* value) {
  Node* const main = domain.is_open() ? &domain.main() : nullptr;
  if (TEALET_UNLIKELY(main == nullptr || !domain.can_switch_fast(*main))) {
    return switch_slow(main, value);
  }
  return domain.switch_fast(*main, value);
}

void core::raise(SwitchResult switch_result) {
  static_cast<CxxDomain*>(static_cast<Domain*>(switch_result.value))
      ->raise(switch_result, switching);
}

TealetRef::TealetRef(Node* node) noexcept : node_(node) {
  if (node_ != nullptr) CxxDomain::of(*node_).refer(*node_);
}

TealetRef::TealetRef(const TealetRef& other) noexcept : TealetRef(other.node_) {}

TealetRef& TealetRef::operator=(const TealetRef& other) noexcept {
  TealetRef copy(other);
  std::swap(node_, copy.node_);
  return *this;
}

TealetRef::~TealetRef() { reset(); }

void TealetRef::reset() noexcept {
  if (node_ != nullptr) CxxDomain::of(*node_).unrefer(*std::exchange(node_, nullptr));
}

bool TealetRef::alive() const noexcept { return tealet::alive(node_); }

void* TealetRef::throw_into(std::exception_ptr exception) const {
  const char* doing = "throwing into a tealet";
  if (exception == nullptr) {
    throw InvalidError(Errc::invalid, std::string(doing) + ": there is no exception");
  }
  CxxDomain& domain = usable(node_, doing);
  if (node_ == &domain.current()) std::rethrow_exception(exception);
  domain.raised = std::move(exception);
  const SwitchResult switch_result = domain.switch_to(*node_, {Signal::error, nullptr});
  if (switch_result.what != 0) domain.raise(switch_result, doing);
  return switch_result.value;
}

Status TealetRef::status() const noexcept { return alive() ? node_->status : Status::Exited; }

TealetRef::operator bool() const noexcept {
  const Status now = status();
  return now != Status::New && now != Status::Exited;
}

std::size_t TealetRef::saved_bytes() const noexcept {
  return alive() ? CxxDomain::of(*node_).saved_bytes(*node_) : 0;
}

std::size_t TealetRef::extent() const noexcept {
  return alive() ? CxxDomain::of(*node_).extent(*node_) : 0;
}

TealetRef TealetRef::parent() const noexcept {
  return TealetRef(alive() ? node_->parent : nullptr);
}

void TealetRef::set_parent(const TealetRef& parent) const {
  const char* doing = "setting the parent of a tealet";
  CxxDomain& domain = usable(node_, doing);
  if (!parent.alive()) throw InvalidError(Errc::invalid, "setting a parent that has ended");
  if (parent.node_->status == Status::Stub) {
    throw InvalidError(Errc::invalid, "setting a stub as parent: it cannot receive anything");
  }
  const Errc code = domain.set_parent(*node_, *parent.node_);
  if (code == Errc::invalid) {
    throw InvalidError(code,
                       std::string(doing) + (node_->is_main() ? ": it is a main tealet and has none"
                                                              : ": the new one descends from it"));
  }
  if (code != Errc::ok) throw_error(code, doing);
}

// An owner may be moved or destroyed by what runs while its tealet is unwound. So these functions
// leave the object as it is to be before they switch, and do not look at it afterwards.

Node* Tealet::hand_over() noexcept {
  if (node_ != nullptr) node_->owner_changes += 1;
  return std::exchange(node_, nullptr);
}

Tealet::Tealet(Tealet&& other) noexcept { node_ = other.hand_over(); }

Tealet& Tealet::operator=(Tealet&& other) noexcept {
  if (this != &other) {
    const Tealet former(std::move(*this));
    node_ = other.hand_over();
  }
  return *this;
}

Tealet::~Tealet() {
  Node* node = hand_over();
  if (node == nullptr) return;
  CxxDomain& domain = CxxDomain::of(*node);
  if (node->status != Status::Exited && node->status != Status::Running &&
      domain.check() == Errc::ok) {
    domain.end_other(*node);
    domain.raised = nullptr;
  }
  domain.unrefer(*node);
}

void* Tealet::take_block(std::size_t size) const {
  void* block = usable_stub(node_, "running a stub").memory().try_allocate(size);
  if (block == nullptr) throw MemoryError();
  return block;
}

void Tealet::give_block(void* block, std::size_t size) const noexcept {
  CxxDomain::of(*node_).memory().deallocate(block, size);
}

void* Tealet::run_block(void* function, std::size_t size, core::Operate* operate, void* value) {
  TEALETPP_CHECK(node_->status == Status::Stub);
  auto& own = *static_cast<StubFunction*>(node_->extra());
  CxxDomain& domain = CxxDomain::of(*node_);
  own = {function, size, operate};
  const SwitchResult switch_result = domain.switch_to(*node_, {Signal::value, value});
  if (switch_result.what < 0) {
    own = {};
    operate(function, Operation::destroy, nullptr);
    domain.memory().deallocate(function, size);
  }
  if (switch_result.what != 0) domain.raise(switch_result, "running a stub");
  return switch_result.value;
}

Tealet Tealet::duplicate() const {
  CxxDomain& domain = usable_stub(node_, "duplicating a tealet");
  Node* twin = domain.duplicate(*node_);
  if (twin == nullptr) throw MemoryError();
  return Tealet(twin);
}

void Tealet::close() {
  if (!alive()) {
    const Tealet former(std::move(*this));  // counts as a change for another close() under way
    return;
  }
  CxxDomain& domain = CxxDomain::of(*node_);
  if (const Errc code = domain.check(); code != Errc::ok) throw_error(code, "closing a tealet");
  if (node_ == &domain.current()) throw Exit(*node_);
  const TealetRef keep(*this);
  const Node& node = *node_;
  const std::uint32_t owner_changes = node.owner_changes;
  const Errc code = domain.end_other(*node_);
  std::exception_ptr raised = std::exchange(domain.raised, nullptr);
  if (code == Errc::refused && domain.received().signal != Signal::value) {
    // Somebody else has ended the caller meanwhile, or thrown into it.
    if (raised != nullptr) std::rethrow_exception(raised);
    throw Exit(domain.current());
  }
  if (code != Errc::ok) throw_error(code, "closing a tealet");
  if (node.owner_changes == owner_changes) {  // nobody has touched this object
    const Tealet former(std::move(*this));
  }
  if (raised != nullptr) std::rethrow_exception(raised);
}

}  // namespace tealet
