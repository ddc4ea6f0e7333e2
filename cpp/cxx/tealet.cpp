// TealetRef and Tealet, and the switch of the C++ API.
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
  // NOLINTNEXTLINE(*.NonNullParamChecker): alive() has checked that.
  throw_error(CxxDomain::of(*node).check(*node), doing);
}

// The domain of a tealet. Throws if the tealet has ended or cannot be used here and now.
CxxDomain& usable(const Node* node, const char* doing) {
  const bool can_be = alive(node) && CxxDomain::of(*node).check(*node) == Errc::ok;
  if (TEALET_UNLIKELY(!can_be)) throw_unusable(node, doing);
  return CxxDomain::of(*node);
}

CxxDomain& usable_stub(const Node* node, const char* doing) {
  CxxDomain& domain = usable(node, doing);
  if (node->status != Status::Stub) {
    throw InvalidError(Errc::invalid,
                       std::string(doing) + ": it is not a stub but " + describe(node->status));
  }
  return domain;
}

[[noreturn]] TEALETPP_NOINLINE void throw_stub() {
  throw InvalidError(Errc::invalid, "switching to a stub: it has no function yet, use run()");
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

// The fast path: `target` is paused. switch_slow() handles all other cases and errors.
SwitchResult core::switch_to(Node* target, void* value) {
  const bool fast = target != nullptr && target->domain()->can_switch_fast(*target);
  if (TEALET_UNLIKELY(!fast)) return switch_slow(target, value);
  return target->domain()->switch_fast(*target, value);
}

SwitchResult core::switch_to_main(CxxDomain& domain, void* value) {
  Node* const main = domain.is_open() ? &domain.main() : nullptr;
  const bool fast = main != nullptr && domain.can_switch_fast(*main);
  if (TEALET_UNLIKELY(!fast)) return switch_slow(main, value);
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

TealetRef::~TealetRef() { unrefer(); }

void TealetRef::unrefer() noexcept {
  if (node_ != nullptr) CxxDomain::of(*node_).unrefer(*std::exchange(node_, nullptr));
}

bool TealetRef::alive() const noexcept { return tealet::alive(node_); }

void* TealetRef::throw_into(std::exception_ptr exception) const {
  const char* doing = "throwing into a tealet";
  if (exception == nullptr) {
    throw InvalidError(Errc::invalid, std::string(doing) + ": the exception is null");
  }
  CxxDomain& domain = usable(node_, doing);
  if (node_ == &domain.current()) std::rethrow_exception(exception);
  domain.sent_exception = std::move(exception);
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

TealetStats TealetRef::stats() const noexcept {
  return alive() ? CxxDomain::of(*node_).stats_of(*node_) : TealetStats{};
}

TealetRef TealetRef::parent() const noexcept {
  return TealetRef(alive() ? node_->parent : nullptr);
}

void TealetRef::set_parent(const TealetRef& parent) const {
  const char* doing = "setting the parent of a tealet";
  CxxDomain& domain = usable(node_, doing);
  if (!parent.alive()) {
    throw InvalidError(Errc::invalid, std::string(doing) + ": the new parent has ended");
  }
  if (parent.node_->status == Status::Stub) {
    throw InvalidError(Errc::invalid, std::string(doing) + ": a stub cannot receive a result");
  }
  const Errc code = domain.set_parent(*node_, *parent.node_);
  if (code == Errc::invalid) {
    throw InvalidError(
        code, std::string(doing) + (node_->is_main() ? ": a main tealet has no parent"
                                                     : ": the new parent descends from it"));
  }
  if (code != Errc::ok) throw_error(code, doing);
}

// Code that runs while a tealet unwinds may move or destroy the Tealet object. So these functions
// give the object its final state before they switch, and do not use it afterwards.

Node* Tealet::release() noexcept {
  if (node_ != nullptr) node_->owner_changes += 1;
  return std::exchange(node_, nullptr);
}

Tealet::Tealet(Tealet&& other) noexcept { node_ = other.release(); }

Tealet& Tealet::operator=(Tealet&& other) noexcept {
  if (this != &other) {
    const Tealet former(std::move(*this));
    node_ = other.release();
  }
  return *this;
}

Tealet::~Tealet() {
  Node* node = release();
  if (node == nullptr) return;
  CxxDomain& domain = CxxDomain::of(*node);
  if (node->status != Status::Exited && node->status != Status::Running &&
      domain.check() == Errc::ok) {
    domain.end_tealet(*node);
    domain.sent_exception = nullptr;
  }
  domain.unrefer(*node);
}

void* Tealet::allocate_block(std::size_t size) const {
  void* block = usable_stub(node_, "running a stub").memory().try_allocate(size);
  if (block == nullptr) throw MemoryError();
  return block;
}

void Tealet::deallocate_block(void* block, std::size_t size) const noexcept {
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
  Node* duplicate = domain.duplicate(*node_);
  if (duplicate == nullptr) throw MemoryError();
  return Tealet(duplicate);
}

void Tealet::close() {
  if (!alive()) {
    const Tealet former(std::move(*this));  // another close() under way sees a change of owner
    return;
  }
  CxxDomain& domain = CxxDomain::of(*node_);
  if (const Errc code = domain.check(); code != Errc::ok) throw_error(code, "closing a tealet");
  if (node_ == &domain.current()) throw Exit(*node_);
  const TealetRef keep(*this);
  const Node& node = *node_;
  const std::uint32_t owner_changes = node.owner_changes;
  const Errc code = domain.end_tealet(*node_);
  std::exception_ptr exception = std::exchange(domain.sent_exception, nullptr);
  if (code == Errc::refused && domain.received().signal != Signal::value) {
    // Meanwhile another tealet has closed the caller or thrown into it.
    if (exception != nullptr) std::rethrow_exception(exception);
    throw Exit(domain.current());
  }
  if (code != Errc::ok) throw_error(code, "closing a tealet");
  if (node.owner_changes == owner_changes) {  // this object still owns the tealet
    const Tealet former(std::move(*this));
  }
  if (exception != nullptr) std::rethrow_exception(exception);
}

}  // namespace tealet
