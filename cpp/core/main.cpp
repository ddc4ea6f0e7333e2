#include <cstdio>
#include <cstdlib>
#include <utility>

#include "main_state.hpp"

namespace tealet {

namespace {

using core::Body;
using core::Node;
using core::Signal;
using core::Transfer;

void destroy(Body& body) noexcept {
  if (body.operate == nullptr) return;
  body.operate(body, Body::Operation::destroy, nullptr);
  body.operate = nullptr;
}

Transfer run(Node& node, Transfer arrived) {
  auto& body = *static_cast<Body*>(node.extra());
  std::exception_ptr raised;
  Transfer out;
  if (arrived.signal == Signal::error) {
    // Thrown into before it began: there is nothing on its stack that could catch it.
    out = arrived;
    raised = std::exchange(MainState::of(node).raised, nullptr);
  } else {
    try {
      out.value = body.operate(body, Body::Operation::invoke, arrived.value);
    } catch (const Exit&) {
    } catch (...) {
      raised = std::current_exception();
      out.signal = Signal::error;
    }
  }
  // Here rather than in release(): what the callable owns may be tealets, which switch to end.
  destroy(body);
  MainState::of(node).raised = std::move(raised);
  return out;
}

void release(Node& node) { destroy(*static_cast<Body*>(node.extra())); }

void close(core::Domain& domain) {
  static_cast<MainState&>(domain).end_all();
  domain.close();
}

constexpr core::Face face{run, release, close};

}  // namespace

MainState::MainState(const Main::Options& options) noexcept
    : core::Domain(face, options.upstream, options.memory_limit) {}

Tealet* MainState::owner_of(const Node* node) noexcept {
  return node == nullptr ? nullptr : static_cast<Tealet*>(node->owner);
}

void* MainState::exchange(Node& target, Transfer out, const char* doing) {
  const Errc code = switch_to(target, out);
  if (code != Errc::ok) {
    raised = nullptr;
    throw_error(code, doing);
  }
  return receive();
}

void* MainState::receive() {
  const Transfer arrived = this->arrived();
  switch (arrived.signal) {
    case Signal::value:
      break;
    case Signal::unwind:
      throw Exit();
    case Signal::error:
      std::rethrow_exception(std::exchange(raised, nullptr));
  }
  return arrived.value;
}

Errc MainState::end_other(core::Handle& handle) noexcept {
  Node& node = *handle.node;
  if (node.status != Status::Suspended || status(node) == Status::Defunct) {
    discard(node);
    return Errc::ok;
  }
  return unwind(handle);
}

void MainState::end_all() noexcept {
  memory().set_limit(CountingAllocator::no_limit);
  // Parents first: a tealet's variables may own its children, and can be reached only while it is the
  // one that unwinds.
  while (Node* node = main().first_child) {
    core::Handle handle;
    // An owner on a paused stack cannot be looked at: it is told at once.
    if (node->home != nullptr && node->home != &current()) disown(*node);
    if (node->owner == nullptr) {
      handle.node = node;
      set_owner(*node, &handle);
    }
    core::Handle& owner = *node->owner;
    end_other(owner);
    raised = nullptr;
    if (owner.node != nullptr) discard(*owner.node);
  }
}

Main::Main() : Main(Options{}) {}

Main::Main(const Options& options) : state_(std::make_unique<MainState>(options)) {
  if (const Errc code = state_->open(sizeof(Body)); code != Errc::ok) {
    throw_error(code, "opening a domain");
  }
  state_->self = Tealet(state_->main());
}

Main::~Main() {
  if (!state_->is_open()) return;
  const Errc code = state_->check();
  if (code == Errc::outside && state_->stranded()) {
    state_->close();  // the stack that its tealets ran on is gone: there is nothing to unwind
    return;
  }
  if (code != Errc::ok || !state_->current().is_main()) {
    // Its tealets run on, or are, the very stack that this destructor runs on.
    std::fputs("tealet: a Main must be destroyed on its own thread and in its main tealet\n", stderr);
    std::abort();
  }
  state_->end_all();
  state_->close();
}

core::Node& Main::create_node(std::size_t extra) {
  if (const Errc code = state_->check(); code != Errc::ok) throw_error(code, "creating a tealet");
  Node* node = state_->create(extra);
  if (node == nullptr) throw MemoryError();
  return *node;
}

Tealet Main::stub() {
  if (const Errc code = state_->check(); code != Errc::ok) throw_error(code, "capturing a stub");
  Node* node = nullptr;
  if (const Errc code = state_->capture(sizeof(core::StubBody), node); code != Errc::ok) {
    throw_error(code, "capturing a stub");
  }
  return Tealet(*node);
}

Tealet& Main::self() noexcept { return state_->self; }

Tealet* Main::current() noexcept {
  return state_->is_open() ? MainState::owner_of(&state_->current()) : nullptr;
}

Tealet* Main::previous() noexcept { return MainState::owner_of(state_->previous()); }

Stats Main::stats() const noexcept { return state_->stats(); }

void Main::reset_peak_stats() noexcept { state_->reset_peak_stats(); }

std::size_t Main::trim() noexcept { return state_->memory().trim(); }

CountingAllocator& Main::memory() noexcept { return state_->memory(); }

}  // namespace tealet
