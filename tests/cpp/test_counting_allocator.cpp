// The counting allocator: its limit, its cache and its upstream.
#include <vector>

#include "helpers.hpp"

using namespace tealet_tests;

TEST_CASE("[memory-limit] the byte limit") {
  Upstream upstream;
  Main::Options options = over(upstream);
  options.memory_limit = 8000;
  Main main(options);
  std::vector<Tealet> tealets;
  bool full = false;
  while (!full) {
    REQUIRE(tealets.size() < 100);
    try {
      Tealet next = main.create([&] { at_depth(1, [&] { main.switch_to(); }); });
      next.switch_to();
      tealets.push_back(std::move(next));
    } catch (const std::bad_alloc&) {
      full = true;
    }
    CHECK(upstream.bytes() <= 8000);
    CHECK(consistent(main));
  }
  CHECK_FALSE(tealets.empty());
  CHECK(main.memory().limit() == 8000);
  main.memory().set_limit(tealet::CountingAllocator::no_limit);
  for (Tealet& tealet : tealets) tealet.switch_to();
  for (Tealet& tealet : tealets) CHECK_FALSE(tealet);

  main.memory().set_limit(1);  // below the current bytes
  CHECK_THROWS_AS(main.create([numbers = std::array<char, 3000>{}] { (void)numbers; }),
                  tealet::MemoryError);
  main.memory().set_limit(8000);
  CHECK_NOTHROW(main.create([] {}));
}

TEST_CASE("bytes that the owner has allocated itself count like others") {
  Upstream upstream;
  tealet::CountingAllocator memory(&upstream, 1000);
  memory.charge(600);
  CHECK(memory.bytes_from_upstream() == 600);
  CHECK(memory.counts().bytes == (counting ? 600 : 0));
  CHECK(memory.counts().blocks_total == (counting ? 1 : 0));
  CHECK(memory.try_allocate(416) == nullptr);
  void* block = memory.try_allocate(400);
  CHECK(block != nullptr);
  memory.deallocate(block, 400);
}

TEST_CASE("[memory-limit] the limit counts cached blocks, but these are returned first") {
  Upstream upstream;
  tealet::CountingAllocator memory(&upstream, 4096);
  void* small = memory.try_allocate(1024);
  void* other = memory.try_allocate(2048);
  CHECK(memory.try_allocate(2048) == nullptr);
  memory.deallocate(small, 1024);
  memory.deallocate(other, 2048);
  CHECK(memory.bytes_cached() == 3072);
  CHECK(memory.bytes_from_upstream() == 3072);
  CHECK(memory.try_allocate(2048) == other);
  void* large = memory.try_allocate(2004);  // past the limit unless the 1024 go back
  CHECK(large != nullptr);
  CHECK(memory.bytes_cached() == 0);
  CHECK(upstream.bytes() == 4052);
  memory.deallocate(large, 2004);  // no multiple of 8: never cached
  CHECK(upstream.bytes() == 2048);
  memory.deallocate(other, 2048);
  CHECK(memory.trim() == 2048);
  CHECK(memory.trim() == 0);
  CHECK(upstream.blocks() == 0);
}

TEST_CASE("few large blocks are cached, and are evicted for small ones") {
  Upstream upstream;
  tealet::CountingAllocator memory(&upstream);
  memory.set_cache_bytes(100'000);
  const auto take_and_give = [&](std::size_t bytes) {
    memory.deallocate(memory.try_allocate(bytes), bytes);
  };
  for (std::size_t bytes = 20'000; bytes <= 20'003; ++bytes) take_and_give(bytes);
  CHECK(memory.bytes_cached() == 80'006);
  upstream.run_dry_after(0);
  for (std::size_t bytes = 20'000; bytes <= 20'003; ++bytes) take_and_give(bytes);
  CHECK(memory.bytes_cached() == 80'006);
  CHECK(upstream.failures() == 0);
  upstream.refill();
  take_and_give(90'000);  // all of them are evicted
  CHECK(memory.bytes_cached() == 90'000);
  take_and_give(100'001);  // never cached
  CHECK(memory.bytes_cached() == 90'000);
  take_and_give(4096);
  CHECK(memory.bytes_cached() == 94'096);
  take_and_give(96'000);  // small ones are not evicted, so large ones need not be
  CHECK(memory.bytes_cached() == 94'096);
  for (std::size_t bytes = 3200; bytes <= 4000; bytes += 400) take_and_give(bytes);  // they do
  CHECK(memory.bytes_cached() == 4096 + 3200 + 3600 + 4000);
  CHECK(memory.trim() == 4096 + 3200 + 3600 + 4000);
  take_and_give(4096);
  for (std::size_t bytes = 5000; bytes < 5010; ++bytes) take_and_give(bytes);
  CHECK(memory.bytes_cached() == 4096 + 5006 + 5007 + 5008 + 5009);
  CHECK(memory.trim() == 4096 + 5006 + 5007 + 5008 + 5009);
  CHECK(upstream.blocks() == 0);
  CHECK(memory.counts().bytes == 0);
  CHECK(memory.counts().bytes_peak == (counting ? 100'001 : 0));
  CHECK(memory.counts().blocks_peak == (counting ? 1 : 0));
}

TEST_CASE("[stats-upstream] upstream has given out the live and cached bytes, and gets all back") {
  Upstream upstream;
  {
    Main main(over(upstream));
    const Stats start = main.stats();
    auto exact = [&] {
      CHECK(upstream.bytes() == main.memory().bytes_from_upstream());
      if (!counting) return;
      const Stats stats = main.stats();
      CHECK(stats.bytes_allocated + stats.bytes_cached == upstream.bytes());
      CHECK(stats.blocks_allocated <= upstream.blocks());
    };
    exact();
    for (std::size_t cache : {std::size_t{0}, std::size_t{500}, std::size_t{1} << 20}) {
      main.memory().set_cache_bytes(cache);
      std::vector<Tealet> tealets;
      for (int i = 0; i < 20; ++i) {
        tealets.push_back(main.create([&, i] { at_depth(i, [&] { main.switch_to(); }); }));
        exact();
        tealets.back().switch_to();
        exact();
      }
      for (Tealet& tealet : tealets) {
        tealet.switch_to();
        exact();
      }
      CHECK(main.memory().bytes_cached() <= cache);
      const std::size_t kept = main.memory().bytes_cached();
      CHECK(main.trim() == kept);
      CHECK(main.stats().bytes_cached == 0);
      exact();
      // All have ended. One block of each remains until its owner is destroyed.
      CHECK(main.stats().n_active == start.n_active);
      CHECK(upstream.blocks() == 1 + tealets.size());
      tealets.clear();
      exact();
      CHECK(same_now(main.stats(), start));
      main.trim();
      CHECK(upstream.blocks() == 1);
    }
  }
  CHECK(upstream.blocks() == 0);
  CHECK(upstream.bytes() == 0);
}

TEST_CASE("the allocator as a memory resource") {
  Upstream upstream;
  {
    tealet::CountingAllocator memory(&upstream);
    std::pmr::vector<int> numbers(&memory);
    for (int i = 0; i < 1000; ++i) numbers.push_back(i);
    CHECK(memory.counts().blocks == (counting ? 1 : 0));
    CHECK(memory.counts().bytes == (counting ? numbers.capacity() * sizeof(int) : 0));
    void* aligned = memory.allocate(100, 256);
    CHECK(reinterpret_cast<std::uintptr_t>(aligned) % 256 == 0);
    memory.deallocate(aligned, 100, 256);
    upstream.run_dry_after(0);
    CHECK_THROWS_AS((void)memory.allocate(std::size_t{1} << 20), std::bad_alloc);
    CHECK_THROWS_AS((void)memory.allocate(64, 64), std::bad_alloc);
    upstream.refill();
    CHECK(memory.upstream() == &upstream);
    CHECK(memory.is_equal(memory));
    CHECK_FALSE(memory.is_equal(upstream));
  }
  CHECK(upstream.blocks() == 0);
}
