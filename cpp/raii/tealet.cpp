#include <tealet/tealet.hpp>

#include <string>
#include <utility>

#include "main_state.hpp"

namespace tealet {

using core::Arrival;
using core::Node;
using core::Operation;
using core::Signal;
using core::StubFunction;

namespace {

bool alive(const Node* node) noexcept { return node != nullptr && node->status != Status::Exited; }

[[noreturn, gnu::noinline]] void throw_unusable(const Node* node, const char* doing) {
  if (!alive(node)) throw InvalidError(Errc::invalid, std::string(doing) + ": it has ended");
  // NOLINTNEXTLINE(*.NonNullParamChecker): one that is alive is there.
  throw_error(MainState::of(*node).check(*node), doing);
}

// The state of a tealet that has not ended, if it can be used here and now.
MainState& usable(const Node* node, const char* doing) {
  const bool can_be = alive(node) && MainState::of(*node).check(*node) == Errc::ok;
  if (__builtin_expect(!can_be, 0)) throw_unusable(node, doing);
  return MainState::of(*node);
}

MainState& usable_stub(const Node* node, const char* doing) {
  MainState& state = usable(node, doing);
  if (node->status != Status::Stub) {
    throw InvalidError(Errc::invalid,
                       std::string(doing) + ": it is no stub but " + describe(node->status));
  }
  return state;
}

[[noreturn, gnu::noinline]] void throw_stub() {
  throw InvalidError(Errc::invalid, "switching to a stub: it has no function, use run()");
}

constexpr const char* switching = "switching to a tealet";

[[gnu::noinline]] Arrival switch_with_care(Node* node, void* value) {
  MainState& state = usable(node, switching);
  if (node == &state.current()) return {0, value};
  if (node->status == Status::Stub) throw_stub();
  return state.switch_to(*node, {Signal::value, value});
}

}  // namespace

void* core::extra_of(Node& node) noexcept { return node.extra(); }

void core::set_operate(Node& node, Operate* operate) noexcept {
  node.held_by = reinterpret_cast<void*>(operate);
}

// Most often the tealet is paused and nothing can be wrong.
Arrival core::switch_to(Node* target, void* value) {
  const bool plain = target != nullptr && target->domain->is_plainly_ready(*target);
  if (__builtin_expect(!plain, 0)) return switch_with_care(target, value);
  return target->domain->switch_plainly(*target, value);
}

Arrival core::switch_to_main(MainState& state, void* value) {
  return core::switch_to(state.is_open() ? &state.main() : nullptr, value);
}

void core::raise(Arrival arrival) {
  static_cast<MainState*>(static_cast<Domain*>(arrival.value))->raise(arrival, switching);
}

TealetRef::TealetRef(Node* node) noexcept : node_(node) {
  if (node_ != nullptr) MainState::of(*node_).refer(*node_);
}

TealetRef::TealetRef(const TealetRef& other) noexcept : TealetRef(other.node_) {}

TealetRef& TealetRef::operator=(const TealetRef& other) noexcept {
  TealetRef copy(other);
  std::swap(node_, copy.node_);
  return *this;
}

TealetRef::~TealetRef() { let_go(); }

void TealetRef::let_go() noexcept {
  if (node_ != nullptr) MainState::of(*node_).unrefer(*std::exchange(node_, nullptr));
}

bool TealetRef::alive() const noexcept { return tealet::alive(node_); }

void* TealetRef::throw_into(std::exception_ptr exception) const {
  const char* doing = "throwing into a tealet";
  if (exception == nullptr) {
    throw InvalidError(Errc::invalid, std::string(doing) + ": there is no exception");
  }
  MainState& state = usable(node_, doing);
  if (node_ == &state.current()) std::rethrow_exception(exception);
  state.raised = std::move(exception);
  const Arrival arrival = state.switch_to(*node_, {Signal::error, nullptr});
  if (arrival.what != 0) state.raise(arrival, doing);
  return arrival.value;
}

Status TealetRef::status() const noexcept {
  return alive() ? MainState::of(*node_).status(*node_) : Status::Exited;
}

TealetRef::operator bool() const noexcept {
  const Status now = status();
  return now != Status::New && now != Status::Exited;
}

std::size_t TealetRef::saved_bytes() const noexcept {
  return alive() ? MainState::of(*node_).saved_bytes(*node_) : 0;
}

std::size_t TealetRef::extent() const noexcept {
  return alive() ? MainState::of(*node_).extent(*node_) : 0;
}

TealetRef TealetRef::parent() const noexcept {
  return TealetRef(alive() ? node_->parent : nullptr);
}

void TealetRef::set_parent(const TealetRef& parent) const {
  const char* doing = "setting the parent of a tealet";
  MainState& state = usable(node_, doing);
  if (!parent.alive()) throw InvalidError(Errc::invalid, "setting a parent that has ended");
  if (parent.node_->status == Status::Stub) {
    throw InvalidError(Errc::invalid, "setting a stub as parent: it cannot receive anything");
  }
  const Errc code = state.set_parent(*node_, *parent.node_);
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
  MainState& state = MainState::of(*node);
  if (node->status != Status::Exited && node->status != Status::Running &&
      state.check() == Errc::ok) {
    state.end_other(*node);
    state.raised = nullptr;
  }
  state.unrefer(*node);
}

void* Tealet::take_block(std::size_t size) const {
  void* block = usable_stub(node_, "running a stub").memory().take(size);
  if (block == nullptr) throw MemoryError();
  return block;
}

void Tealet::give_block(void* block, std::size_t size) const noexcept {
  MainState::of(*node_).memory().give(block, size);
}

void* Tealet::run_block(void* function, std::size_t size, core::Operate* operate, void* value) {
  auto& own = *static_cast<StubFunction*>(node_->extra());
  MainState& state = MainState::of(*node_);
  own = {function, size, operate};
  const Arrival arrival = state.switch_to(*node_, {Signal::value, value});
  if (arrival.what < 0) {
    own = {};
    operate(function, Operation::destroy, nullptr);
    state.memory().give(function, size);
  }
  if (arrival.what != 0) state.raise(arrival, "running a stub");
  return arrival.value;
}

Tealet Tealet::duplicate() const {
  MainState& state = usable_stub(node_, "duplicating a tealet");
  Node* twin = state.duplicate(*node_);
  if (twin == nullptr) throw MemoryError();
  return Tealet(twin);
}

void Tealet::close() {
  if (!alive()) {
    const Tealet former(std::move(*this));  // counts as a change for another close() under way
    return;
  }
  MainState& state = MainState::of(*node_);
  if (const Errc code = state.check(); code != Errc::ok) throw_error(code, "closing a tealet");
  if (node_ == &state.current()) throw Exit(*node_);
  const TealetRef keep(*this);
  const Node& node = *node_;
  const std::uint32_t owner_changes = node.owner_changes;
  const Errc code = state.end_other(*node_);
  std::exception_ptr raised = std::exchange(state.raised, nullptr);
  if (code == Errc::refused && state.arrived().signal != Signal::value) {
    // Somebody else has ended the caller meanwhile, or thrown into it.
    if (raised != nullptr) std::rethrow_exception(raised);
    throw Exit(state.current());
  }
  if (code != Errc::ok) throw_error(code, "closing a tealet");
  if (node.owner_changes == owner_changes) {  // nobody has touched this object
    const Tealet former(std::move(*this));
  }
  if (raised != nullptr) std::rethrow_exception(raised);
}

}  // namespace tealet
