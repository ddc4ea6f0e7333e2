// The figures, computed by hand in small scenarios.
#include <cmath>
#include <string>
#include <vector>

#include "helpers.hpp"

using namespace tealet_tests;
using tealet::core::Chunk;
using tealet::core::Node;
using tealet::core::Stack;

namespace {

std::size_t rounded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

template <class F>
std::size_t node_size(const F&) {
  return sizeof(Node) + rounded(sizeof(F));
}
const std::size_t main_size = sizeof(Node);

// The figures that C has, in the order of the table; with statistics compiled out, all are zero.
void expect(const Stats& stats, const std::array<std::size_t, 12>& figures) {
  if (!counting) {
    for (const tealet::StatsField& field : tealet::stats_fields) CHECK(stats.*field.value == 0);
    return;
  }
  for (std::size_t i = 0; i < figures.size(); ++i) {
    CAPTURE(std::string(tealet::stats_fields[i].name));
    CHECK(stats.*tealet::stats_fields[i].value == figures[i]);
  }
}

}  // namespace

TEST_CASE("enabled tells whether the figures are counted") {
  Main main;
  CHECK(main.stats().enabled == counting);
  CHECK(Stats{}.enabled == counting);
}

TEST_CASE("the figures of one tealet, step by step") {
  Main main;
  expect(main.stats(), {1, 1, main_size, main_size, 1, 1, 1, 0, 0, 0, 0, 0});

  auto body = [&] {
    // On top of main, whose stack is all in place.
    const Stats stats = main.stats();
    expect(stats,
           {2, 2, stats.bytes_allocated, stats.bytes_allocated_peak, 2, 2, 2, 0, 0, 0, 0, 0});
    main.switch_to();
    main.switch_to();
  };
  Tealet tealet = main.create(body);
  const std::size_t live = main_size + node_size(body);
  expect(main.stats(), {2, 2, live, live, 2, 2, 2, 0, 0, 0, 0, 0});
  CHECK(tealet.extent() == 0);

  at_depth(1, [&] { tealet.switch_to(); });  // begins nearer than the frames that main has below
  const std::size_t size = tealet.extent();
  const std::size_t saved = live + sizeof(Stack) + size;
  expect(main.stats(), {2, 2, saved, saved, 3, 3, 3, 1, 1, size, size, size});

  // While the tealet runs its stack is in place, and none of main's is saved.
  CHECK(tealet.switch_to() == nullptr);
  expect(main.stats(), {2, 2, saved, saved, 3, 3, 4, 1, 1, size, size, size});

  tealet.close();
  CHECK(main.stats().n_active == (counting ? 1 : 0));
  CHECK(main.stats().bytes_allocated == (counting ? main_size : 0));
  CHECK(main.stats().blocks_allocated == (counting ? 1 : 0));
  CHECK(main.stats().stack_bytes_naive == 0);
  CHECK(consistent(main));
}

TEST_CASE("extents of tealets in place count as naive bytes only") {
  Main main;
  Tealet lower, upper;
  upper = main.create([&] {
    const Stats stats = main.stats();
    CHECK(stats.stack_count == 0);
    CHECK(stats.stack_bytes_naive == (counting ? lower.extent() : 0));
    CHECK(lower.extent() > 0);
    CHECK(std::isnan(stats.sharing_ratio()));
    CHECK(std::isnan(stats.memory_efficiency()));
    CHECK(std::isnan(stats.efficiency_vs(65536)));
    CHECK(upper.extent() > 0);  // of the running one: so far
    CHECK(upper.saved_bytes() == 0);
    at_depth(10, [&] {
      const std::size_t deeper = upper.extent();
      at_depth(10, [&] { CHECK(upper.extent() > deeper); });
    });
    main.switch_to();
  });
  lower = main.create([&] {
    upper.switch_to();
    main.switch_to();
  });
  lower.switch_to();
  Stats stats = main.stats();
  CHECK(stats.stack_bytes == (counting ? lower.extent() + upper.extent() : 0));
  CHECK(stats.stack_bytes_naive == stats.stack_bytes);
  CHECK(stats.stack_count == (counting ? 2 : 0));
  CHECK(stats.stack_chunk_count == (counting ? 2 : 0));
  CHECK(stats.fixed_stack_bytes(1000) == (counting ? 2000 : 0));
  if (counting) {
    CHECK(stats.sharing_ratio() == 1.0);
    CHECK(stats.memory_efficiency() == 1.0);
    CHECK(stats.efficiency_vs(stats.stack_bytes) == 2.0);
  } else {
    CHECK(std::isnan(stats.sharing_ratio()));
  }
}

TEST_CASE("main's extent is the furthest byte that was saved of it") {
  Main main;
  Tealet tealet;
  tealet = main.create([&] {
    main.switch_to();
    const std::size_t saved = main.self().saved_bytes();
    CHECK(saved > 0);
    CHECK(main.self().extent() == saved);
    CHECK(main.stats().stack_bytes == (counting ? saved : 0));
    CHECK(main.stats().stack_bytes_naive == (counting ? saved : 0));
    CHECK(consistent(main));
  });
  tealet.switch_to();
  at_depth(10, [&] { tealet.switch_to(); });
  CHECK_FALSE(tealet);
  CHECK(main.self().extent() == 0);
}

TEST_CASE("each further chunk is a block") {
  Main main;
  Tealet first, second, tall;
  std::vector<Stats> snapshots;
  auto snap = [&] { snapshots.push_back(main.stats()); };
  snapshots.reserve(4);
  at_depth(6, [&] {
    second = main.create([&] {
      main.switch_to();
      snap();
      first.switch_to();
    });
    second.switch_to();
  });
  at_depth(3, [&] {
    first = main.create([&] {
      main.switch_to();
      snap();
    });
    first.switch_to();
  });
  tall = main.create([&] { at_depth(15, [&] { second.switch_to(); }); });
  tall.switch_to();
  REQUIRE(snapshots.size() == 2);
  const tealet::StatsDifference step = snapshots[1] - snapshots[0];
  if (counting) {
    // `tall` was grown, `second` saved, `first` released.
    CHECK(node_of(tall).stack->chunk_count() == 3);  // the third for main, at the end of `first`
    CHECK(step.n_active == 0);
    CHECK(step.n_total == 0);
    CHECK(step.blocks_allocated == 1);
    CHECK(step.blocks_allocated_total == 2);
    CHECK(step.stack_count == 0);
    CHECK(step.stack_chunk_count == 1);
    CHECK(snapshots[1].stack_chunk_count == 3);
    CHECK(step.bytes_allocated == static_cast<std::ptrdiff_t>(sizeof(Chunk)) + step.stack_bytes);
    CHECK(step.stack_bytes_expanded == step.stack_bytes);
  }
  CHECK(consistent(main));
}

TEST_CASE("phases are differences, also negative ones") {
  Stats earlier, later;
  std::size_t i = 0;
  for (const tealet::StatsField& field : tealet::stats_fields) {
    earlier.*field.value = 10 + i;
    later.*field.value = 3 * i;
    ++i;
  }
  const tealet::StatsDifference difference = later - earlier;
  i = 0;
  for (const tealet::StatsField& field : tealet::stats_fields) {
    CHECK(difference.*field.difference == static_cast<std::ptrdiff_t>(2 * i) - 10);
    ++i;
  }
}

TEST_CASE("ratios") {
  Stats stats;
  stats.n_active = 5;
  stats.stack_bytes = 100;
  stats.stack_bytes_expanded = 250;
  stats.stack_bytes_naive = 400;
  CHECK(stats.sharing_ratio() == 2.5);
  CHECK(stats.memory_efficiency() == 4.0);
  CHECK(stats.fixed_stack_bytes(1000) == 4000);
  CHECK(stats.efficiency_vs(1000) == 40.0);
  CHECK(Stats{}.fixed_stack_bytes(1000) == 0);
}
