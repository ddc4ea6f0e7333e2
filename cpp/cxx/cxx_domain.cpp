#include "cxx/cxx_domain.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "port/compiler.hpp"

namespace tealet {

namespace {

using core::Message;
using core::Node;
using core::Operation;
using core::Signal;
using core::StubFunction;

void destroy_function(Node& node) noexcept {
  core::Operate* const operate = core::operate_of(node);
  if (operate == nullptr) return;
  operate(node.extra(), Operation::destroy, nullptr);
  node.binding = nullptr;
}

// What the exception being handled, which has left a tealet's function, means for its parent.
TEALETPP_NOINLINE Message take_exception(const CxxDomain& state, std::exception_ptr& raised) {
  raised = std::current_exception();
  try {
    throw;
  } catch (const Exit& exit) {
    if (state.must_go_on(exit)) return {Signal::error, nullptr};
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
  node.domain->close_inner_domains(node);
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

// The function of a stub lies in a block of its own, found through what is behind the stub's node.
void* operate_stub(void* function, Operation operation, void* argument) {
  auto& own = *static_cast<StubFunction*>(function);
  if (operation == Operation::invoke) return own.operate(own.block, operation, argument);
  if (own.block != nullptr) {
    const auto& node = *(static_cast<Node*>(function) - 1);
    own.operate(own.block, operation, nullptr);
    CxxDomain::of(node).memory().deallocate(own.block, own.size);
  }
  return nullptr;
}

}  // namespace

CxxDomain::CxxDomain(const Main::Options& options) noexcept
    : core::Domain(hooks, options.upstream, options.memory_limit) {}

void CxxDomain::raise(core::SwitchResult switch_result, const char* doing) {
  if (const Errc code = core::code_of(switch_result); code != Errc::ok) {
    raised = nullptr;
    throw_error(code, doing);
  }
  if (received().signal == Signal::unwind) throw Exit(current());
  std::rethrow_exception(std::exchange(raised, nullptr));
}

Errc CxxDomain::end_other(Node& node) noexcept {
  if (status(node) != Status::Suspended) {
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
  references -= 1;
  if (--node.references == 0 && node.status == Status::Exited) free_block(node);
  if (abandoned && references == 0) delete this;
}

Main::Main() : Main(Options{}) {}

Main::Main(const Options& options) : state_(new CxxDomain(options)) {
  if (const Errc code = state_->open(0); code != Errc::ok) {
    delete state_;
    throw_error(code, "opening a domain");
  }
}

Main::~Main() {
  if (state_->is_open()) {
    const Errc code = state_->check();
    // Where the stack that its tealets ran on is gone, there is nothing to unwind.
    if (!state_->nesting().orphaned()) {
      if (code != Errc::ok || !state_->current().is_main()) {
        // Its tealets run on, or are, the very stack that this destructor runs on.
        std::fputs("tealet: a Main must be destroyed on its own thread and in its main tealet\n",
                   stderr);
        std::abort();
      }
      state_->end_all();
    }
    state_->close();
  }
  state_->abandoned = true;
  if (state_->references == 0) delete state_;
}

Node* Main::create_node(std::size_t extra) {
  if (const Errc code = state_->check(); code != Errc::ok) throw_error(code, "creating a tealet");
  Node* node = state_->create(extra);
  if (node == nullptr) throw MemoryError();
  return node;
}

Tealet Main::stub() {
  const char* doing = "capturing a stub";
  if (const Errc code = state_->check(); code != Errc::ok) throw_error(code, doing);
  Node* node = nullptr;
  const Errc code = state_->create_stub(sizeof(StubFunction), node);
  if (code != Errc::ok) throw_error(code, doing);
  core::set_operate(*node, operate_stub);
  return Tealet(node);
}

TealetRef Main::self() const noexcept {
  return TealetRef(state_->is_open() ? &state_->main() : nullptr);
}

TealetRef Main::current() const noexcept {
  return TealetRef(state_->is_open() ? &state_->current() : nullptr);
}

TealetRef Main::previous() const noexcept { return TealetRef(state_->previous()); }

Stats Main::stats() const noexcept { return state_->stats(); }

void Main::reset_peak_stats() noexcept { state_->reset_peak_stats(); }

std::size_t Main::trim() noexcept { return state_->memory().trim(); }

CountingAllocator& Main::memory() noexcept { return state_->memory(); }

}  // namespace tealet
