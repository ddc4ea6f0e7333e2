// The survey of all tealets of a domain.
#include <cmath>
#include <vector>

#include "core/surveyor.hpp"
#include "helpers.hpp"
#include "port/pages.hpp"

using namespace tealet_tests;
using tealet::Survey;

namespace {

// Tealets that pause at these depths, in frames of at_depth().
std::vector<Tealet> paused_at(Main& main, const std::vector<int>& depths) {
  std::vector<Tealet> tealets;
  for (const int depth : depths) {
    tealets.push_back(main.create([&main, depth] { at_depth(depth, [&] { main.switch_to(); }); }));
    tealets.back().switch_to();
  }
  return tealets;
}

std::size_t sum_of(const tealet::Histogram& histogram) {
  std::size_t sum = 0;
  for (const std::size_t count : histogram) sum += count;
  return sum;
}

std::size_t power_of(std::size_t value) {
  return static_cast<std::size_t>(std::log2(static_cast<double>(value)));
}

}  // namespace

TEST_CASE("[cost-survey] a domain without tealets") {
  Main main;
  const Survey survey = main.survey();
  CHECK(survey.enabled == counting);
  CHECK(survey.count == 0);
  CHECK(survey.depth.maximum == 0);
  CHECK(survey.cost.mean == 0);
  CHECK(survey.domain_bytes == main.stats().bytes_allocated);
  CHECK(survey.largest.empty());
}

TEST_CASE("[cost-survey] sums, ranks and the largest") {
  Main main;
  std::vector<int> depths;
  depths.reserve(200);
  for (int i = 0; i < 200; ++i) depths.push_back(i * 37 % 200 / 10);  // 0 to 19, ten of each
  const std::vector<Tealet> tealets = paused_at(main, depths);
  const Survey survey = main.survey(3);
  if (!counting) {
    CHECK(survey.count == 0);
    CHECK(survey.largest.empty());
    return;
  }
  std::vector<std::size_t> extents;
  std::size_t cost = 0;
  std::size_t touched = 0;
  const std::size_t page = tealet::port::page_size();
  for (const Tealet& tealet : tealets) {
    extents.push_back(tealet.extent());
    cost += tealet.stats().bytes_alone;
    touched += (tealet.extent() / page + (tealet.extent() % page != 0) + 1) * page;
  }
  std::sort(extents.begin(), extents.end());
  CHECK(survey.count == 200);
  CHECK(survey.depth.minimum == extents.front());
  CHECK(survey.depth.median == extents[99]);
  CHECK(survey.depth.percentile_99 == extents[197]);
  CHECK(survey.depth.maximum == extents.back());
  CHECK(survey.depth.mean == doctest::Approx(static_cast<double>(survey.depth.total) / 200));
  CHECK(survey.depth.total == main.stats().stack_bytes_naive);
  CHECK(survey.cost.total == cost);
  CHECK(survey.cost.total + survey.domain_bytes == main.stats().bytes_allocated);
  CHECK(survey.touched_stack_bytes == touched);

  CHECK(sum_of(survey.depths) == 200);
  tealet::Histogram expected{};
  for (const std::size_t extent : extents) expected[power_of(extent)] += 1;
  CHECK(survey.depths == expected);
  CHECK(sum_of(survey.chunk_sizes) == main.stats().stack_chunk_count);

  REQUIRE(survey.largest.size() == 3);
  // The newest child comes first in the tree, and so among equals.
  std::vector<TealetRef> deepest;
  for (std::size_t i = tealets.size(); i-- > 0;) {
    if (depths[i] == 19) deepest.push_back(tealets[i]);
  }
  for (std::size_t i = 0; i < 3; ++i) CHECK(survey.largest[i] == deepest[i]);
}

TEST_CASE("[cost-survey] a rank is that of a tealet, also of few") {
  Main main;
  const std::vector<Tealet> tealets = paused_at(main, {5, 1});
  const Survey survey = main.survey(10);
  if (!counting) return;
  CHECK(survey.depth.median == tealets[1].extent());
  CHECK(survey.depth.percentile_99 == tealets[0].extent());
  REQUIRE(survey.largest.size() == 2);
  CHECK(survey.largest[0] == tealets[0]);
}

TEST_CASE(
    "[cost-survey] chunks of a shared stack count once, tealets that have not begun have no "
    "depth") {
  Main main;
  std::vector<Tealet> stubs;
  at_depth(1, [&] { stubs.push_back(main.stub()); });
  for (int i = 0; i < 9; ++i) stubs.push_back(stubs[0].duplicate());
  const Tealet fresh = main.create([] {});
  const Survey survey = main.survey();
  if (!counting) return;
  CHECK(survey.count == 11);
  CHECK(sum_of(survey.chunk_sizes) == main.stats().stack_chunk_count);
  CHECK(survey.depths[0] == 1);
  CHECK(survey.depth.minimum == 0);
}

TEST_CASE("[cost-survey] from inside a tealet, which counts with its depth") {
  Main main;
  Survey survey;
  Tealet tealet = main.create([&] { at_depth(5, [&] { survey = main.survey(); }); });
  tealet.switch_to();
  if (!counting) return;
  CHECK(survey.count == 1);
  CHECK(survey.depth.maximum > 5 * 256);
  CHECK(survey.largest.at(0).status() == Status::Exited);
}
