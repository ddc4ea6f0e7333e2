// The rules 1 to 4 of the switch: what is copied, when, and how far.
#include <utility>
#include <vector>

#include "helpers.hpp"

using namespace tealet_tests;

namespace {

std::size_t between(const char* near, const char* far) {
  return static_cast<std::size_t>(far - near);
}

// Main begins these at decreasing depth, so that each one's far end is farther than the last one's.
// Each then switches to whom `next` says whenever it is resumed.
struct Ladder {
  explicit Ladder(Main& main) {
    for (int i = 2; i >= 0; --i) {
      at_depth(4 * i, [&] {
        rungs[static_cast<std::size_t>(i)] = main.create([&] {
          for (;;) std::exchange(next, main.self()).switch_to();
        });
        next = main.self();
        rungs[static_cast<std::size_t>(i)].switch_to();
      });
    }
  }
  Tealet rungs[3];  // 0 has the farthest end
  TealetRef next;
};

}  // namespace

TEST_CASE("[switch-1] a paused stack is grown step by step, as far as each switch needs") {
  damaged = 0;
  Main main;
  Tealet tall;
  std::size_t chunks = 0;
  auto chunks_of_tall = [&] { return node_of(tall).stack->chunk_count(); };
  auto saved_up_to = [&](Tealet& other) {
    CHECK(tall.saved_bytes() == between(node_of(tall).stack->near(), node_of(other).far));
    CHECK(chunks_of_tall() == ++chunks);
    CHECK(consistent(main));
  };
  // Runs on each step in turn, and checks `tall` there.
  int seen = 0;
  Tealet steps[3];
  auto begin_step = [&](int i) {
    steps[i] = main.create([&, i] {
      main.switch_to();
      saved_up_to(steps[i]);
      ++seen;
      if (i > 0) steps[i - 1].switch_to();
    });
    steps[i].switch_to();
  };
  at_depth(8, [&] { begin_step(2); });
  at_depth(4, [&] { begin_step(1); });
  at_depth(0, [&] { begin_step(0); });
  REQUIRE(node_of(steps[2]).far < node_of(steps[1]).far);
  REQUIRE(node_of(steps[1]).far < node_of(steps[0]).far);
  tall = main.create([&] {
    at_depth(20, [&] {
      REQUIRE(node_of(tall).far > node_of(steps[0]).far);
      steps[2].switch_to();
    });
  });
  tall.switch_to();  // comes back when step 0 ends
  CHECK(seen == 3);
  CHECK(chunks_of_tall() == 4);  // main needed the rest
  CHECK(tall.saved_bytes() == tall.extent());
  CHECK(consistent(main));
  tall.switch_to();
  CHECK_FALSE(tall);
  CHECK(damaged == 0);
}

TEST_CASE("[switch-1] what is in place stays in place, and is complete when it is resumed") {
  damaged = 0;
  Main main;
  Ladder ladder(main);
  Tealet tall = main.create([&] {
    for (int round = 0; round < 3; ++round) {
      at_depth(20, [&] {
        ladder.next = main.self();
        for (Tealet& rung : ladder.rungs) {
          // Back at once: one chunk is saved, the rest stays in place.
          ladder.next = main.current();
          const Stats before = main.stats();
          rung.switch_to();
          CHECK(main.previous() == rung);
          CHECK(before.stack_bytes <= main.stats().stack_bytes);
          CHECK(consistent(main));
        }
        main.switch_to();
      });
    }
  });
  for (int round = 0; round < 3; ++round) {
    tall.switch_to();
    CHECK(tall.saved_bytes() == tall.extent());
  }
  tall.switch_to();
  CHECK_FALSE(tall);
  CHECK(damaged == 0);
}

TEST_CASE("[switch-1] only what the next tealet needs is copied") {
  Main main;
  Tealet near_one;
  at_depth(10, [&] {
    near_one = main.create([&] {
      main.switch_to();
      // Main is paused farther out. It was saved only up to our far end.
      CHECK(main.self().saved_bytes() ==
            between(node_of(main.self()).stack->near(), node_of(near_one).far));
      CHECK_FALSE(node_of(main.self()).stack->complete());
    });
    near_one.switch_to();
  });
  at_depth(20, [&] { near_one.switch_to(); });
  CHECK_FALSE(near_one);

  // Resumed from farther out, nothing of main is in the way.
  at_depth(10, [&] {
    near_one = main.create([&] {
      main.switch_to();
      CHECK(main.self().saved_bytes() == 0);
    });
    near_one.switch_to();
  });
  near_one.switch_to();
  CHECK_FALSE(near_one);
}

TEST_CASE("[switch-1] no more is copied into a cached block, either") {
  Main main;
  Tealet far_out, nearer;
  far_out = main.create([&] {
    main.switch_to();
    for (;;) at_depth(20, [&] { nearer.switch_to(); });
  });
  far_out.switch_to();
  at_depth(4, [&] {
    nearer = main.create([&] {
      main.switch_to();
      for (int round = 0; round < 3; ++round) {
        far_out.switch_to();
        // From the second round on there is a block of the same size.
        CHECK(far_out.saved_bytes() ==
              between(node_of(far_out).stack->near(), node_of(nearer).far));
        CHECK_FALSE(node_of(far_out).stack->complete());
      }
    });
    nearer.switch_to();
  });
  REQUIRE(node_of(nearer).far < node_of(far_out).far);
  nearer.switch_to();
  CHECK_FALSE(nearer);
}

TEST_CASE("[switch-2] a fresh tealet begins on top, and nothing is copied") {
  Main main;
  std::vector<Tealet> chain(10);
  auto link = [&](std::size_t i, const auto& self) -> void {
    const Stats stats = main.stats();
    CHECK(stats.stack_count == 0);
    CHECK(stats.stack_chunk_count == 0);
    CHECK(stats.stack_bytes == 0);
    CHECK(stats.stack_bytes_expanded == 0);
    CHECK((stats.stack_bytes_naive > 0) == (counting && i > 0));
    for (std::size_t below = 0; below < i; ++below) CHECK(chain[below].saved_bytes() == 0);
    if (i > 0) {
      // It begins exactly where the other paused.
      CHECK(node_of(chain[i]).far == node_of(chain[i - 1]).stack->near());
      CHECK(chain[i - 1].extent() > 0);
    }
    CHECK(main.self().saved_bytes() == 0);
    if (i + 1 == chain.size()) return;
    chain[i + 1] = main.create([&, i] { self(i + 1, self); });
    chain[i + 1].switch_to();
  };
  chain[0] = main.create([&] { link(0, link); });
  chain[0].switch_to();
  CHECK_FALSE(chain[0]);
  CHECK(consistent(main));
}

TEST_CASE("[switch-3] a tealet that ends is not saved") {
  Upstream upstream;
  Main main(over(upstream));
  main.memory().set_cache_bytes(0);
  for (int depth : {0, 20}) {
    Tealet tealet = main.create([&, depth] { at_depth(depth, [&] { main.switch_to(); }); });
    at_depth(1, [&] { tealet.switch_to(); });  // begins nearer than the frames that main has below
    const std::size_t before = main.stats().blocks_allocated_total;
    tealet.switch_to();
    CHECK_FALSE(tealet);
    CHECK(main.stats().blocks_allocated_total == before);
    CHECK(main.stats().stack_count == 0);
    CHECK(main.stats().n_active == (counting ? 1 : 0));
  }
  // The same for one that ends at once, and without any memory.
  Tealet tealet = main.create([&] { upstream.run_dry_after(0); });
  tealet.switch_to();
  upstream.refill();
  CHECK_FALSE(tealet);
}

TEST_CASE("[switch-3] the chain of ends copies nothing back") {
  Main main;
  std::vector<Tealet> chain(10);
  auto link = [&](std::size_t i, const auto& self) -> void {
    if (i + 1 < chain.size()) {
      chain[i + 1] = main.create([&, i] { self(i + 1, self); });
      chain[i + 1].switch_to();
      CHECK(main.stats().stack_bytes == 0);
      CHECK(main.previous() == TealetRef());
    }
  };
  chain[0] = main.create([&] { link(0, link); });
  chain[0].switch_to();
  CHECK(consistent(main));
}

TEST_CASE("[switch-4] a stack with one owner is not copied again when it is resumed") {
  damaged = 0;
  Main main;
  Tealet lower, upper;
  lower = main.create([&] {
    at_depth(10, [&] {
      upper = main.create([&] {
        const std::size_t blocks = main.stats().blocks_allocated_total;
        CHECK(lower.saved_bytes() == 0);
        lower.switch_to();
        CHECK(main.stats().blocks_allocated_total - blocks >= (counting ? 1 : 0));
      });
      upper.switch_to();
      // Our own stack was in place all the time; only `upper` was saved, in its one block.
      CHECK(main.stats().stack_count == (counting ? 1 : 0));
      CHECK(main.stats().stack_chunk_count == (counting ? 1 : 0));
      CHECK(main.stats().stack_bytes == (counting ? upper.extent() : 0));
      CHECK(upper.saved_bytes() == upper.extent());
    });
    const std::size_t blocks = main.stats().blocks_allocated_total;
    upper.switch_to();
    CHECK(main.stats().blocks_allocated_total - blocks == (counting ? 1 : 0));
  });
  lower.switch_to();
  CHECK_FALSE(lower);
  CHECK_FALSE(upper);
  CHECK(damaged == 0);
}
