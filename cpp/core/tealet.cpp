#include <tealet/tealet.hpp>

#include "main_state.hpp"

namespace tealet {

using core::Node;
using core::Signal;

const char* describe(Status status) noexcept {
  switch (status) {
    case Status::New:
      return "new";
    case Status::Stub:
      return "stub";
    case Status::Suspended:
      return "suspended";
    case Status::Running:
      return "running";
    case Status::Exited:
      return "exited";
    case Status::Defunct:
      return "defunct";
  }
  return "unknown";
}

void* core::extra_of(Node& node) noexcept { return node.extra(); }

namespace {

// The domain of a tealet that must not have ended, if it can be used now.
MainState& usable(const Node* node, const char* doing) {
  if (node == nullptr) throw InvalidError(Errc::invalid, std::string(doing) + ": it has ended");
  MainState& state = MainState::of(*node);
  if (const Errc code = state.check(*node); code != Errc::ok) throw_error(code, doing);
  return state;
}

}  // namespace

Tealet::Tealet(Node& owned) noexcept : core::Handle{&owned} {
  owned.domain->set_owner(owned, this);
}

Tealet::Tealet(Tealet&& other) noexcept : core::Handle{std::exchange(other.node, nullptr)} {
  if (node != nullptr) node->domain->set_owner(*node, this);
}

Tealet& Tealet::operator=(Tealet&& other) noexcept {
  if (this == &other) return *this;
  give_up();
  node = std::exchange(other.node, nullptr);
  if (node != nullptr) node->domain->set_owner(*node, this);
  return *this;
}

Tealet::~Tealet() { give_up(); }

void Tealet::give_up() noexcept {
  if (node == nullptr) return;
  MainState& state = MainState::of(*node);
  if (!node->is_main() && node->status != Status::Running && state.check() == Errc::ok) {
    state.end_other(*this);
    state.raised = nullptr;
  }
  if (node != nullptr) node->domain->set_owner(*node, nullptr);
  node = nullptr;
}

void* Tealet::switch_to(void* value) {
  const char* doing = "switching to a tealet";
  MainState& state = usable(node, doing);
  if (node == &state.current()) return value;
  if (node->status == Status::Stub) {
    throw InvalidError(Errc::invalid, "switching to a stub: it has no function, use run()");
  }
  return state.exchange(*node, {Signal::value, value}, doing);
}

void* Tealet::throw_into(std::exception_ptr exception) {
  const char* doing = "throwing into a tealet";
  MainState& state = usable(node, doing);
  if (node == &state.current()) std::rethrow_exception(exception);
  state.raised = std::move(exception);
  return state.exchange(*node, {Signal::error, nullptr}, doing);
}

CountingAllocator& Tealet::memory_to_run() const {
  MainState& state = usable(node, "running a stub");
  if (node->status != Status::Stub) {
    throw InvalidError(Errc::invalid, std::string("running a tealet that is no stub but ") +
                                          describe(node->status));
  }
  return state.memory();
}

void* Tealet::run_boxed(core::Body& box, void* value) {
  auto& body = *static_cast<core::StubBody*>(node->extra());
  body.set(box);
  MainState& state = MainState::of(*node);
  const Errc code = state.switch_to(*node, {Signal::value, value});
  if (code != Errc::ok) {
    box.operate(box, core::Body::Operation::destroy, nullptr);
    body.operate = nullptr;
    throw_error(code, "running a stub");
  }
  return state.receive();
}

Tealet Tealet::duplicate() const {
  MainState& state = usable(node, "duplicating a tealet");
  if (node->status != Status::Stub) {
    throw InvalidError(Errc::invalid, std::string("duplicating a tealet that is no stub but ") +
                                          describe(node->status));
  }
  Node* twin = state.duplicate(*node);
  if (twin == nullptr) throw MemoryError();
  return Tealet(*twin);
}

void Tealet::close() {
  if (node == nullptr) return;
  MainState& state = MainState::of(*node);
  if (const Errc code = state.check(); code != Errc::ok) throw_error(code, "closing a tealet");
  if (node->is_main()) {
    throw InvalidError(Errc::invalid, "closing the main tealet: destroy its Main instead");
  }
  if (node == &state.current()) throw Exit();
  if (const Errc code = state.end_other(*this); code != Errc::ok) {
    state.raised = nullptr;
    throw_error(code, "closing a tealet");
  }
  if (state.raised != nullptr) std::rethrow_exception(std::exchange(state.raised, nullptr));
}

Status Tealet::status() const noexcept {
  return node == nullptr ? Status::Exited : MainState::of(*node).status(*node);
}

Tealet::operator bool() const noexcept {
  const Status now = status();
  return now != Status::New && now != Status::Exited;
}

std::size_t Tealet::saved_bytes() const noexcept {
  return node == nullptr ? 0 : MainState::of(*node).saved_bytes(*node);
}

std::size_t Tealet::extent() const noexcept {
  return node == nullptr ? 0 : MainState::of(*node).extent(*node);
}

Tealet* Tealet::parent() const noexcept {
  return node == nullptr ? nullptr : MainState::owner_of(node->parent);
}

void Tealet::set_parent(Tealet& parent) {
  MainState& state = usable(node, "setting the parent of a tealet");
  if (parent.node == nullptr) {
    throw InvalidError(Errc::invalid, "setting a parent that has ended");
  }
  if (const Errc code = state.set_parent(*node, *parent.node); code != Errc::ok) {
    throw_error(code, "setting the parent of a tealet");
  }
}

}  // namespace tealet
