// Main: the domain as the C++ API shows it.
#include <tealet/tealet.hpp>

#include <cstdio>
#include <cstdlib>

#include "cxx/cxx_domain.hpp"
#include "port/clock.hpp"

namespace tealet {

using core::Node;
using core::Operation;
using core::StubFunction;

namespace {

// The Operate of a stub: applies the operation to the function in the StubFunction's block.
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

Main::Main() : Main(Options{}) {}

Main::Main(const Options& options) : domain_(new CxxDomain(options)) {
  if (const Errc code = domain_->open(0); code != Errc::ok) {
    delete domain_;
    throw_error(code, "opening a domain");
  }
  if (options.track) domain_->track();
}

Main::~Main() {
  if (domain_->is_open()) {
    const Errc code = domain_->check();
    // The tealets of an orphaned domain cannot run again, so nothing is unwound.
    if (!domain_->nesting().orphaned()) {
      if (code != Errc::ok || !domain_->current().is_main()) {
        // This destructor may run in one of its tealets, which would lose its stack.
        std::fputs("tealet: a Main must be destroyed on its own thread and in its main tealet\n",
                   stderr);
        std::abort();
      }
      domain_->end_all_tealets();
    }
    domain_->close();
  }
  domain_->main_destroyed = true;
  if (domain_->references == 0) delete domain_;
}

Node* Main::create_node(std::size_t extra) {
  if (const Errc code = domain_->check(); code != Errc::ok) throw_error(code, "creating a tealet");
  Node* node = domain_->create(extra);
  if (node == nullptr) throw MemoryError();
  return node;
}

Tealet Main::stub() {
  const char* doing = "capturing a stub";
  if (const Errc code = domain_->check(); code != Errc::ok) throw_error(code, doing);
  Node* node = nullptr;
  const Errc code = domain_->create_stub(sizeof(StubFunction), node);
  if (code != Errc::ok) throw_error(code, doing);
  core::set_operate(*node, operate_stub);
  return Tealet(node);
}

TealetRef Main::self() const noexcept {
  return TealetRef(domain_->is_open() ? &domain_->main() : nullptr);
}

TealetRef Main::current() const noexcept {
  return TealetRef(domain_->is_open() ? &domain_->current() : nullptr);
}

TealetRef Main::previous() const noexcept { return TealetRef(domain_->previous()); }

Stats Main::stats() const noexcept {
  Stats stats = domain_->stats();
  stats.seconds = port::monotonic_seconds();
  return stats;
}

Survey Main::survey(std::size_t largest) const {
  std::vector<Node*> nodes;
  Survey survey{domain_->survey(largest, nodes), {}};
  survey.largest.reserve(nodes.size());
  for (Node* node : nodes) survey.largest.push_back(TealetRef(node));
  return survey;
}

void Main::reset_peak_stats() noexcept { domain_->reset_peak_stats(); }

std::size_t Main::trim() noexcept { return domain_->memory().trim(); }

CountingAllocator& Main::memory() noexcept { return domain_->memory(); }

}  // namespace tealet
