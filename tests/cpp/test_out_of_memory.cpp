// The engine without memory: failed allocations, forced switches.
#include <memory>
#include <vector>

#include "helpers.hpp"

using namespace tealet_tests;
using tealet::core::Domain;

namespace {

// Runs `step`, and once more if there was no memory for it. Nothing may have changed then.
template <class F>
void attempt(Main& main, Upstream& upstream, F&& step) {
  const Stats before = main.stats();
  const TealetRef current = main.current();
  const TealetRef previous = main.previous();
  try {
    step();
  } catch (const tealet::MemoryError&) {
    const Stats after = main.stats();
    CHECK(same_now(before, after));
    CHECK(after.n_total == before.n_total);
    CHECK(main.current() == current);
    CHECK(current.status() == Status::Running);
    CHECK(main.previous() == previous);
    CHECK(consistent(main));
    upstream.refill();
    step();
  }
}

// Begins tealets at several depths, on top and sideways, duplicates and runs a stub, resumes partly
// saved ones in all directions; upstream runs dry after `failing` allocations, until that is
// noticed.
void scenario(Upstream& upstream, std::size_t cache_bytes, std::size_t failing) {
  Main main(over(upstream));
  main.memory().set_cache_bytes(cache_bytes);
  Tealet rungs[3], tall, top, stub, twin;
  int begun = 0, ended = 0;
  auto rung = [&](int i) {
    at_depth(3 * i, [&] {
      attempt(main, upstream, [&] {
        rungs[i] = main.create([&, i] {
          ++begun;
          Pattern<> pattern(static_cast<unsigned>(i));
          attempt(main, upstream, [&] { main.switch_to(); });
          if (i > 0) attempt(main, upstream, [&] { rungs[i - 1].switch_to(); });
          attempt(main, upstream, [&] { main.switch_to(); });
          upstream.refill();  // an end cannot be repeated
          ++ended;
        });
      });
      attempt(main, upstream, [&] { rungs[i].switch_to(); });
    });
  };
  upstream.run_dry_after(failing);
  for (int i : {2, 1, 0}) rung(i);
  attempt(main, upstream, [&] { stub = main.stub(); });
  attempt(main, upstream, [&] { twin = stub.duplicate(); });
  attempt(main, upstream, [&] {
    tall = main.create([&] {
      ++begun;
      at_depth(15, [&] {
        attempt(main, upstream, [&] {
          top = main.create([&] {
            ++begun;
            Pattern<2048> pattern(5);
            attempt(main, upstream, [&] { rungs[2].switch_to(); });
            attempt(main, upstream, [&] { main.switch_to(); });
            upstream.refill();
            ++ended;
          });
        });
        attempt(main, upstream, [&] { top.switch_to(); });
        attempt(main, upstream, [&] { main.switch_to(); });
      });
      upstream.refill();
      ++ended;
    });
  });
  attempt(main, upstream, [&] { tall.switch_to(); });
  at_depth(9, [&] {
    attempt(main, upstream, [&] {
      twin.run([&] {
        ++begun;
        attempt(main, upstream, [&] { tall.switch_to(); });
        upstream.refill();
        ++ended;
      });
    });
  });
  upstream.refill();
  CHECK(begun == 6);
  for (int round = 0; round < 6; ++round) {
    for (Tealet* tealet : {&top, &tall, &rungs[0], &rungs[2], &twin, &rungs[1]}) {
      if (*tealet) tealet->switch_to();
      CHECK(consistent(main));
    }
  }
  CHECK(ended == 6);
  stub.close();
  CHECK(main.stats().n_active == (counting ? 1 : 0));
  CHECK(main.stats().stack_count == 0);
}

}  // namespace

TEST_CASE("[switch-5] whichever allocation fails, everything is as it was") {
  damaged = 0;
  for (std::size_t cache_bytes : {std::size_t{0}, tealet::CountingAllocator::default_cache_bytes}) {
    std::size_t failing = 0;
    for (bool failed = true; failed; ++failing) {
      Upstream upstream;
      scenario(upstream, cache_bytes, failing);
      failed = upstream.failures() != 0;
      CHECK(upstream.blocks() == 0);
      CHECK(upstream.bytes() == 0);
    }
    CHECK(failing > 15);
  }
  CHECK(damaged == 0);
}

TEST_CASE("opening a domain without memory") {
  Upstream upstream;
  upstream.run_dry_after(0);
  CHECK_THROWS_AS(Main{over(upstream)}, tealet::MemoryError);
  CHECK(upstream.blocks() == 0);
  upstream.refill();
  Main main(over(upstream));
  CHECK(main.create([]() -> void* { return token(1); }).switch_to() == token(1));
}

TEST_CASE("[switch-5] a forced switch makes the one tealet that cannot be saved defunct") {
  Upstream upstream;
  Main main(over(upstream));
  main.memory().set_cache_bytes(0);
  Domain& domain = domain_of(main);
  Tealet other = main.create([&] {
    for (;;) main.switch_to();
  });
  other.switch_to();
  auto owned = std::make_shared<int>(0);
  Tealet victim = main.create([&, owned] {
    upstream.run_dry_after(0);
    CHECK(code_of(domain.switch_to(domain.main(), {}, false)) == tealet::Errc::memory);
    CHECK(victim.status() == Status::Running);
    domain.switch_to(domain.main(), {tealet::core::Signal::value, token(1)}, true);
    CHECK(false);  // not reached: the tealet is defunct
  });
  CHECK(victim.switch_to() == token(1));
  upstream.refill();
  CHECK(victim.status() == Status::Defunct);
  CHECK(victim);
  CHECK(other.status() == Status::Suspended);
  CHECK(main.self().status() == Status::Running);
  CHECK(consistent(main));
  CHECK_THROWS_AS(victim.switch_to(), tealet::DefunctError);
  CHECK_THROWS_AS(victim.throw_into(std::make_exception_ptr(1)), tealet::DefunctError);
  CHECK_THROWS_AS(victim.duplicate(), tealet::DefunctError);
  // The result of its child goes past it, to its parent.
  Tealet child = main.create([]() -> void* { return token(2); });
  domain.set_parent(node_of(child), node_of(victim));
  CHECK(child.switch_to() == token(2));
  CHECK(owned.use_count() == 2);
  victim.close();
  CHECK(victim.status() == Status::Exited);
  CHECK(owned.use_count() == 1);
  other.switch_to();
  CHECK(other.status() == Status::Suspended);
  CHECK(consistent(main));
}

TEST_CASE(
    "[switch-5] a forced switch makes tealets in the way defunct, but neither main nor its "
    "target") {
  damaged = 0;
  Upstream upstream;
  Main main(over(upstream));
  main.memory().set_cache_bytes(0);
  Domain& domain = domain_of(main);
  // `lower` is in place below `upper`, which runs on top of it.
  Tealet lower, upper, far_out;
  far_out = main.create([&] {
    for (;;) main.switch_to();
  });
  far_out.switch_to();
  lower = main.create([&] {
    Pattern<> pattern(1);
    upper = main.create([&] {
      upstream.run_dry_after(1);  // enough to save this one, not `lower`
      const Stats before = main.stats();
      CHECK(code_of(domain.switch_to(domain.main(), {}, false)) == tealet::Errc::memory);
      CHECK(same_now(before, main.stats()));
      CHECK(lower.status() == Status::Suspended);
      upstream.run_dry_after(1);
      CHECK(code_of(domain.switch_to(domain.main(), {}, true)) == tealet::Errc::ok);
      main.switch_to();
    });
    upper.switch_to();
  });
  at_depth(5, [&] { lower.switch_to(); });
  upstream.refill();
  CHECK(lower.status() == Status::Defunct);
  CHECK(upper.status() == Status::Suspended);
  CHECK(far_out.status() == Status::Suspended);
  CHECK(consistent(main));
  upper.switch_to();
  CHECK(upper.status() == Status::Suspended);
  far_out.switch_to();
  lower.close();
  CHECK(consistent(main));

  // Main cannot be saved: then no switch succeeds, forced or not.
  at_depth(10, [&] {
    upstream.run_dry_after(0);
    const Stats before = main.stats();
    CHECK(code_of(domain.switch_to(node_of(far_out), {}, false)) == tealet::Errc::memory);
    CHECK(code_of(domain.switch_to(node_of(far_out), {}, true)) == tealet::Errc::memory);
    CHECK(same_now(before, main.stats()));
    upstream.refill();
  });
  CHECK(main.self().status() == Status::Running);
  far_out.switch_to();
  CHECK(damaged == 0);
}

TEST_CASE("[switch-5] a tealet that ends without memory still reaches its parent") {
  damaged = 0;
  Upstream upstream;
  Main main(over(upstream));
  main.memory().set_cache_bytes(0);
  Tealet middle, last;
  middle = main.create([&] {
    last = main.create([&]() -> void* {
      last.set_parent(main.self());
      upstream.run_dry_after(0);
      return token(9);  // over `middle`, which is in place and cannot be saved
    });
    last.switch_to();
  });
  CHECK(middle.switch_to() == token(9));
  upstream.refill();
  CHECK_FALSE(last);
  CHECK(middle.status() == Status::Defunct);
  CHECK(consistent(main));
  middle.close();

  // Main itself is in the way of a parent farther out: the end is delivered to main.
  Tealet parent;
  parent = main.create([&] { main.switch_to(); });
  parent.switch_to();
  REQUIRE(parent.status() == Status::Suspended);
  int delivered = 0;
  at_depth(20, [&] {
    Pattern<> pattern(4);
    Tealet child = main.create([&]() -> void* {
      child.set_parent(parent);
      upstream.run_dry_after(0);
      return token(8);
    });
    delivered = number(child.switch_to());
    upstream.refill();
    CHECK_FALSE(child);
  });
  CHECK(delivered == 8);
  CHECK(parent.status() == Status::Suspended);
  CHECK(consistent(main));
  CHECK(damaged == 0);
}

TEST_CASE(
    "[switch-5] with several stacks in the way, a failure is rolled back, and force makes one "
    "defunct") {
  damaged = 0;
  Upstream upstream;
  Main main(over(upstream));
  main.memory().set_cache_bytes(0);
  Domain& domain = domain_of(main);
  Tealet lower, middle, upper;
  upper = main.create([&] {
    const Stats before = main.stats();
    for (std::size_t allocations = 0; allocations < 3; ++allocations) {
      upstream.run_dry_after(allocations);  // for: its own stack, `middle`, `lower`
      CHECK_THROWS_AS(main.switch_to(), tealet::MemoryError);
      CHECK(same_now(before, main.stats()));
      CHECK(middle.saved_bytes() == 0);
      CHECK(consistent(main));
    }
    upstream.run_dry_after(2);
    CHECK(code_of(domain.switch_to(domain.main(), {}, true)) == tealet::Errc::ok);
  });
  middle = main.create([&] {
    Pattern<> pattern(2);
    upper.switch_to();
    main.switch_to();
  });
  lower = main.create([&] { middle.switch_to(); });
  lower.switch_to();
  upstream.refill();
  CHECK(lower.status() == Status::Defunct);
  CHECK(middle.status() == Status::Suspended);
  CHECK(upper.status() == Status::Suspended);
  CHECK(consistent(main));
  upper.switch_to();
  CHECK_FALSE(upper);
  middle.switch_to();
  CHECK(consistent(main));
  middle.close();
  CHECK(damaged == 0);
}

TEST_CASE(
    "[switch-5] a tealet that ends without memory makes those in the way of its parent defunct") {
  Upstream upstream;
  Main main(over(upstream));
  main.memory().set_cache_bytes(0);
  int received = 0;
  Tealet parent, middle, last;
  last = main.create([&]() -> void* {
    last.set_parent(parent);
    upstream.run_dry_after(0);
    return token(7);
  });
  middle = main.create([&] { last.switch_to(); });
  parent = main.create([&] { received = number(middle.switch_to()); });
  parent.switch_to();
  upstream.refill();
  CHECK(received == 7);
  CHECK_FALSE(parent);
  CHECK(middle.status() == Status::Defunct);
}

TEST_CASE("[switch-5] closing without memory changes nothing, not even who is whose parent") {
  Upstream upstream;
  Main main(over(upstream));
  main.memory().set_cache_bytes(0);
  Tealet victim, child, other;
  int unwound = 0;
  struct Count {
    int& count;
    ~Count() { ++count; }
  };
  auto fails = [&] {
    const Stats before = main.stats();
    upstream.run_dry_after(0);
    CHECK_THROWS_AS(victim.close(), tealet::MemoryError);
    upstream.refill();
    CHECK(same_now(before, main.stats()));
    CHECK(victim.status() == Status::Suspended);
    CHECK(victim.parent() == main.self());
    CHECK(child.parent() == victim);
    CHECK(consistent(main));
  };
  victim = main.create([&] {
    Count count{unwound};
    child = main.create([&] {
      main.switch_to();
      fails();  // from a descendant
    });
    child.switch_to();
  });
  victim.switch_to();
  fails();
  other = main.create(fails);
  other.switch_to();
  child.switch_to();  // ends into `victim`, which ends
  CHECK(unwound == 1);
  CHECK_FALSE(victim);
}
