// The sums behind the statistics: stacks that are shared, defunct, in place or discarded, and the
// distance to the peaks.
#include <algorithm>
#include <random>
#include <vector>

#include "bare_domain.hpp"
#include "helpers.hpp"

using namespace tealet_tests;
using tealet::AllocationCounts;
using tealet::CountingAllocator;
using tealet::Errc;
using tealet::core::Node;

TEST_CASE("a shared stack that becomes defunct, or is rolled back, counts for each owner") {
  Upstream upstream;
  BareDomain domain(&upstream);
  domain.memory().set_cache_bytes(0);
  Node* far_out = nullptr;
  Node* lower = nullptr;
  Node* upper = nullptr;
  Node* twin = nullptr;
  BareDomain::Script stay_out = [&] { domain.go(domain.main()); };
  BareDomain::Script start_upper = [&] { domain.go(*upper); };
  BareDomain::Script fail_then_force = [&] {
    twin = domain.duplicate(*lower);
    CHECK(consistent(domain));
    const Stats before = domain.stats();
    // Not enough memory for: this one, `lower`, main. The first two may become defunct, main may
    // not.
    for (std::size_t allocations = 0; allocations < 3; ++allocations) {
      upstream.run_dry_after(allocations);
      CHECK(code_of(domain.switch_to(*far_out, {}, true)) == Errc::memory);
      upstream.refill();
      CHECK(lower->status == Status::Suspended);
      CHECK(same_now(before, domain.stats()));
      CHECK(consistent(domain));
    }
    upstream.run_dry_after(1);
    CHECK(code_of(domain.switch_to(domain.main(), {}, true)) == Errc::ok);
  };
  const Stats start = domain.stats();
  far_out = &domain.tealet(stay_out);
  domain.go(*far_out);
  lower = &domain.tealet(start_upper);
  upper = &domain.tealet(fail_then_force);
  at_depth(10, [&] { domain.go(*lower); });
  upstream.refill();

  REQUIRE(twin != nullptr);
  CHECK(lower->status == Status::Defunct);
  CHECK(twin->status == Status::Defunct);
  CHECK(domain.extent(*twin) > domain.saved_bytes(*twin));
  CHECK(consistent(domain));
  Node* third = domain.duplicate(*twin);
  CHECK(consistent(domain));
  for (Node* node : {lower, third, twin, upper, far_out}) {
    domain.discard(*node);
    CHECK(consistent(domain));
  }
  CHECK(same_now(start, domain.stats()));
}

TEST_CASE("a stack that is discarded while it is in place is in no sum and no list") {
  BareDomain domain;
  Node* lower = nullptr;
  Node* upper = nullptr;
  BareDomain::Script start_upper = [&] { domain.go(*upper); };
  BareDomain::Script discard_lower = [&] {
    const Stats before = domain.stats();
    CHECK((before.stack_bytes_naive > 0) == counting);
    domain.discard(*lower);
    CHECK(domain.stats().stack_bytes_naive == 0);
    CHECK(consistent(domain));
    domain.go(domain.main());
  };
  lower = &domain.tealet(start_upper);
  upper = &domain.tealet(discard_lower);
  domain.go(*lower);
  CHECK(domain.stats().stack_count == (counting ? 1 : 0));
  CHECK(consistent(domain));
}

TEST_CASE(
    "a shared stack of several chunks counts each of them once, and each byte for each owner") {
  BareDomain domain;
  Node* lower = nullptr;
  Node* upper = nullptr;
  std::vector<Node*> twins;
  BareDomain::Script start_upper = [&] { at_depth(5, [&] { domain.go(*upper); }); };
  BareDomain::Script share_lower = [&] {
    for (int i = 0; i < 3; ++i) twins.push_back(domain.duplicate(*lower));
    CHECK(consistent(domain));
    domain.go(domain.main());
  };
  lower = &domain.tealet(start_upper);
  upper = &domain.tealet(share_lower);
  domain.go(*lower);
  CHECK(consistent(domain));
  const Stats stats = domain.stats();
  CHECK(stats.stack_count == (counting ? 2 : 0));
  CHECK(stats.stack_bytes_expanded - stats.stack_bytes ==
        (counting ? 3 * domain.saved_bytes(*lower) : 0));
  for (Node* node : twins) {
    domain.discard(*node);
    CHECK(consistent(domain));
  }
  domain.discard(*lower);
  CHECK(consistent(domain));
}

namespace {

// The counts computed directly.
struct PlainCounts {
  AllocationCounts counts;

  void taken(std::size_t bytes) {
    counts.bytes += bytes;
    counts.blocks += 1;
    counts.blocks_total += 1;
    counts.bytes_peak = std::max(counts.bytes_peak, counts.bytes);
    counts.blocks_peak = std::max(counts.blocks_peak, counts.blocks);
  }
  void given(std::size_t bytes) {
    counts.bytes -= bytes;
    counts.blocks -= 1;
  }
  void reset_peaks() {
    counts.bytes_peak = counts.bytes;
    counts.blocks_peak = counts.blocks;
  }
  bool agree(const CountingAllocator& memory) const {
    const AllocationCounts kept = memory.counts();
    if (!counting) return kept.bytes_peak == 0 && kept.blocks_total == 0;
    return kept.bytes == counts.bytes && kept.bytes_peak == counts.bytes_peak &&
           kept.blocks == counts.blocks && kept.blocks_peak == counts.blocks_peak &&
           kept.blocks_total == counts.blocks_total &&
           kept.bytes + memory.bytes_cached() == memory.bytes_from_upstream();
  }
};

struct Block {
  void* address;
  std::size_t bytes;
  std::size_t alignment;
};

}  // namespace

TEST_CASE(
    "[stats-peaks][stats-upstream] the allocator's counts equal those of a direct count, "
    "peaks too") {
  std::mt19937 random(7);
  auto pick = [&](int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); };
  Upstream upstream;
  CountingAllocator memory(&upstream);
  PlainCounts plain;
  std::vector<Block> blocks;
  int differing = 0;
  memory.charge(1000);
  plain.taken(1000);
  for (int i = 0; i < 5000; ++i) {
    const int choice = pick(100);
    if (choice < 48 || blocks.empty()) {
      const std::size_t alignment = choice < 4 ? 64 : 16;
      const auto bytes = static_cast<std::size_t>(pick(4) == 0 ? pick(9000) : 16 * pick(20)) + 1;
      blocks.push_back({memory.allocate(bytes, alignment), bytes, alignment});
      plain.taken(bytes);
    } else if (choice < 96) {
      std::swap(blocks[static_cast<std::size_t>(pick(static_cast<int>(blocks.size())))],
                blocks.back());
      const Block block = blocks.back();
      blocks.pop_back();
      plain.given(block.bytes);
      memory.deallocate(block.address, block.bytes, block.alignment);
    } else if (choice < 98) {
      memory.reset_peaks();
      plain.reset_peaks();
    } else {
      const std::size_t cached = memory.bytes_cached();
      CHECK(memory.trim() == cached);
    }
    differing += !plain.agree(memory);
  }
  CHECK(differing == 0);
  for (const Block& block : blocks) memory.deallocate(block.address, block.bytes, block.alignment);
}

TEST_CASE("the counts are exact while upstream is asked, too") {
  struct Watching final : std::pmr::memory_resource {
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
      watch();
      return tealet::malloc_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
      watch();
      tealet::malloc_resource()->deallocate(block, bytes, alignment);
    }
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
      return this == &other;
    }
    void watch() {
      asked += 1;
      differing += !plain.agree(*memory);
    }
    PlainCounts plain;
    const CountingAllocator* memory = nullptr;
    int asked = 0;
    int differing = 0;
  };
  Watching upstream;
  CountingAllocator memory(&upstream);
  upstream.memory = &memory;
  std::vector<Block> blocks;
  for (std::size_t bytes : {16U, 32U, 48U, 5000U}) {
    blocks.push_back({memory.try_allocate(bytes), bytes, 16});
    upstream.plain.taken(bytes);
  }
  for (const Block& block : blocks) {
    upstream.plain.given(block.bytes);
    memory.deallocate(block.address, block.bytes);
  }
  memory.trim();
  CHECK(upstream.asked == 8);
  CHECK(upstream.differing == 0);
}
