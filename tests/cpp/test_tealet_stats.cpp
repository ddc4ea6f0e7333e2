// What one tealet takes, computed by hand in small scenarios.
#include "helpers.hpp"

using namespace tealet_tests;
using tealet::TealetStats;
using tealet::core::Chunk;
using tealet::core::Node;
using tealet::core::Stack;

namespace {

Main::Options tracking() {
  Main::Options options;
  options.track = true;
  return options;
}

const std::size_t history_size = sizeof(tealet::core::History);

}  // namespace

TEST_CASE("[cost-sum] a tealet costs its node, and its stack while it is paused") {
  Main main;
  Tealet tealet = main.create([&] { main.switch_to(); });
  TealetStats stats = tealet.stats();
  CHECK(stats.enabled == counting);
  CHECK(!stats.tracked);
  if (!counting) {
    CHECK(stats.bytes_alone == 0);
    return;
  }
  const std::size_t node = stats.bytes_alone;
  CHECK(node == main.stats().bytes_allocated - main.self().stats().bytes_alone);
  CHECK(node == sizeof(Node) + 8);
  CHECK(stats.sharers == 0);
  CHECK(stats.extent == 0);

  tealet.switch_to();
  stats = tealet.stats();
  CHECK(stats.saved_bytes == tealet.saved_bytes());
  CHECK(stats.saved_bytes != 0);
  CHECK(stats.extent == tealet.extent());
  CHECK(stats.chunk_count == 1);
  CHECK(stats.sharers == 1);
  CHECK(stats.bytes_alone == node + sizeof(Stack) + stats.saved_bytes);
  CHECK(stats.data_stack_bytes == 0);
  CHECK(stats.extent_max == 0);
  CHECK(stats.switches == 0);
  CHECK(stats.age == 0);

  tealet.switch_to();
  CHECK(tealet.stats().bytes_alone == 0);
  CHECK(TealetRef().stats().bytes_alone == 0);
}

TEST_CASE("[cost-sum] a shared stack is divided among its sharers, and its domain has the rest") {
  Main main;
  std::vector<Tealet> stubs;
  stubs.push_back(main.stub());
  // Pads main's stack a little, so that the stub's is deeper than nothing.
  at_depth(1, [&] { stubs.push_back(main.stub()); });
  for (int i = 0; i < 6; ++i) stubs.push_back(stubs[0].duplicate());
  CHECK(consistent(main));
  if (!counting) return;
  const TealetStats shared = stubs[0].stats();
  CHECK(shared.sharers == 7);
  CHECK(stubs[1].stats().sharers == 1);
  const std::size_t stack = sizeof(Stack) + shared.saved_bytes;
  const std::size_t node = sizeof(Node) + 24;
  CHECK(shared.bytes_alone == node + stack / 7);
  std::size_t sum = 0;
  for (const Tealet& stub : stubs) sum += stub.stats().bytes_alone;
  const tealet::Survey survey = main.survey();
  CHECK(survey.cost.total == sum);
  CHECK(survey.domain_bytes == sizeof(Node) + stack % 7);
  CHECK(sum + survey.domain_bytes == main.stats().bytes_allocated);
}

TEST_CASE("[cost-sum] further chunks are part of the cost") {
  Main main;
  Tealet inner;
  Tealet outer = main.create([&] {
    inner = main.create([&] { main.switch_to(); });
    inner.switch_to();
  });
  outer.switch_to();
  // `inner` began on top of `outer`, of which nothing was saved before the switch to main.
  CHECK(consistent(main));
  if (!counting) return;
  const TealetStats stats = outer.stats();
  CHECK(stats.saved_bytes == stats.extent);
  CHECK(stats.chunk_count == 1);
  CHECK(stats.bytes_alone == sizeof(Node) + 16 + sizeof(Stack) + sizeof(Chunk) + stats.saved_bytes);
}

TEST_CASE("[cost-history] a tracked tealet has a history, in 32 bytes") {
  Main main(tracking());
  Tealet tealet = main.create([&] {
    at_depth(4, [&] { main.switch_to(); });
    for (;;) main.switch_to();
  });
  Tealet other = main.create([&] {});
  if (!counting) {
    CHECK(!tealet.stats().tracked);
    return;
  }
  CHECK(tealet.stats().tracked);
  CHECK(tealet.stats().age == 1);
  CHECK(other.stats().age == 0);
  CHECK(main.self().stats().age == 2);
  CHECK(tealet.stats().bytes_alone == sizeof(Node) + 8 + history_size);
  CHECK(history_size == 32);

  CHECK(tealet.stats().switches == 0);
  tealet.switch_to();
  const std::size_t deep = tealet.extent();
  CHECK(tealet.stats().extent_max == deep);
  for (int i = 0; i < 3; ++i) tealet.switch_to();
  const TealetStats stats = tealet.stats();
  CHECK(stats.extent < deep);
  CHECK(stats.extent_max == deep);
  CHECK(stats.switches == 4);
  CHECK(main.self().stats().switches == 4);
  CHECK(main.stats().switches == 8);
  other.switch_to();
  CHECK(main.self().stats().switches == 5);
  CHECK(consistent(main));
}

TEST_CASE("[cost-history] chunks that are added to a paused stack are in its history") {
  Main main(tracking());
  Tealet second;
  Tealet first = main.create([&] {
    Pattern<> pattern(1);
    second = main.create([&] {
      Pattern<> deeper(2);
      main.switch_to();
      main.switch_to();
    });
    second.switch_to();  // begins on top of `first`, which is not saved yet
    main.switch_to();
    main.switch_to();
  });
  first.switch_to();
  if (!counting) return;
  CHECK(first.stats().stack_grows == 1);
  CHECK(main.stats().stack_grows == 1);
  // It keeps what it has recorded, and now pauses for main itself.
  first.switch_to();
  CHECK(first.stats().stack_grows == 1);
  CHECK(first.stats().switches == 2);
  CHECK(consistent(main));
}

TEST_CASE("[cost-history] stubs and duplicates have histories of their own") {
  Main main(tracking());
  Tealet stub = main.stub();
  Tealet copy = stub.duplicate();
  if (!counting) return;
  CHECK(stub.stats().switches == 1);  // the capture
  CHECK(copy.stats().switches == 0);
  CHECK(copy.stats().age == 0);
  CHECK(stub.stats().age == 1);
  copy.run([&] { main.switch_to(); });
  CHECK(copy.stats().switches == 1);
  CHECK(stub.stats().switches == 1);
  CHECK(consistent(main));
}
