// The engine's domain, without an API: functions that the C++ API does not use.
#include <pthread.h>

#include <functional>
#include <memory>
#include <thread>

#include "helpers.hpp"
#include "port/thread_stack.hpp"

using namespace tealet_tests;
using tealet::Errc;
using tealet::core::Domain;
using tealet::core::Hooks;
using tealet::core::Message;
using tealet::core::Node;

namespace {

using Function = std::function<void(Node&)>;

Message run(Node& self, Message) {
  (*static_cast<Function*>(self.binding))(self);
  return {};
}

constexpr Hooks hooks{run, [](Node&) { return true; }, nullptr, nullptr};

Node& make(Domain& domain, Function& function) {
  Node* node = domain.create(0);
  node->binding = &function;
  return *node;
}

// Not on the stack, since tealets may have copies of that.
char* seen = nullptr;

}  // namespace

TEST_CASE("a farther end of the stack is set for one tealet at a time") {
  // Not on the stack, since a tealet that begins at `far` has its own copy of that.
  const auto upstream_here = std::make_unique<Upstream>();
  Upstream& upstream = *upstream_here;
  const auto domain_here =
      std::make_unique<Domain>(hooks, &upstream, tealet::CountingAllocator::no_limit);
  Domain& domain = *domain_here;
  REQUIRE(domain.open(0) == Errc::ok);
  static Function looks = [](Node& self) { seen = self.far; };
  char here[64];
  char* const far = here + sizeof here;

  Node& first = make(domain, looks);
  upstream.run_dry_after(0);
  CHECK(domain.start(first, {}, far) == Errc::memory);
  upstream.refill();
  CHECK(first.far == nullptr);
  CHECK(code_of(domain.switch_to(first, {})) == Errc::ok);
  CHECK(seen < here);

  CHECK(domain.start(make(domain, looks), {}, far) == Errc::ok);
  CHECK(seen == far);
  CHECK(code_of(domain.switch_to(make(domain, looks), {})) == Errc::ok);
  CHECK(seen < here);
  CHECK(consistent(domain));
}

TEST_CASE(
    "[nesting-orphaned] a domain is orphaned when the tealet that it was opened in exits, and is "
    "kept") {
  Upstream upstream;
  static Domain* outer = nullptr;
  static Domain* inner = nullptr;
  Domain domain(hooks, &upstream, tealet::CountingAllocator::no_limit);
  REQUIRE(domain.open(0) == Errc::ok);
  outer = &domain;
  static Function opens_one = [](Node&) {
    inner = new Domain(hooks, tealet::malloc_resource(), tealet::CountingAllocator::no_limit);
    CHECK(inner->open(0) == Errc::ok);
    // The API closes no domain with it.
    CHECK(outer->nesting().to_close_in(outer->current()) == nullptr);
    outer->exit_to(outer->main(), {}, true, false);
  };
  Node& host = make(domain, opens_one);
  CHECK(code_of(domain.switch_to(host, {})) == Errc::ok);
  CHECK(host.status == Status::Exited);
  CHECK(inner->nesting().orphaned());
  CHECK(inner->check() == Errc::outside);
  delete inner;
  domain.discard(host);
  CHECK(consistent(domain));
}

TEST_CASE("the sums are right while a tealet is forked, shared and discarded") {
  Upstream upstream;
  static Domain* all = nullptr;
  static Node* copy = nullptr;
  Domain domain(hooks, &upstream, tealet::CountingAllocator::no_limit);
  REQUIRE(domain.open(0) == Errc::ok);
  all = &domain;
  static Function forks = [](Node&) {
    CHECK(all->fork(*copy, true) == Errc::ok);
    CHECK(consistent(*all));
    all->switch_to(all->main(), {});
  };
  copy = domain.create(0);
  Node& original = make(domain, forks);
  CHECK(code_of(domain.switch_to(original, {})) == Errc::ok);
  CHECK(domain.previous() == copy);
  CHECK(original.far == copy->far);
  CHECK(consistent(domain));
  Node* twin = domain.duplicate(original);
  CHECK(consistent(domain));
  CHECK(code_of(domain.switch_to(original, {})) == Errc::ok);
  CHECK(consistent(domain));
  for (Node* node : {&original, copy, twin}) domain.discard(*node);
  CHECK(consistent(domain));
}

TEST_CASE("a thread's stack ends below the thread's own variables") {
  std::thread([] {
    thread_local char variable = 0;
    const char* top = tealet::port::top_of_this_stack();
    const char here = 0;
    CHECK(top > &here);
    CHECK(top <= &variable);
    CHECK(top <= reinterpret_cast<const char*>(pthread_self()));
  }).join();
}
