// Stubs and their duplicates: one stack, many owners.
#include <memory>
#include <vector>

#include "bare_domain.hpp"
#include "helpers.hpp"

using namespace tealet_tests;
using tealet::core::Node;

TEST_CASE("duplicates of a stub share its stack") {
  for (std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
    Upstream upstream;
    {
      Main main(over(upstream));
      Tealet stub = main.stub();
      CHECK(stub.status() == Status::Stub);
      CHECK(stub);
      const std::size_t size = stub.extent();
      CHECK(size > 0);
      CHECK(stub.saved_bytes() == size);
      std::vector<Tealet> twins;
      for (std::size_t i = 1; i < count; ++i) twins.push_back(stub.duplicate());
      CHECK(node_of(stub).stack->owners() == count);
      const Stats stats = main.stats();
      if (counting) {
        CHECK(stats.n_active == count + 1);
        CHECK(stats.stack_count == 1);
        CHECK(stats.stack_chunk_count == 1);
        CHECK(stats.stack_bytes == size);
        CHECK(stats.stack_bytes_expanded == count * size);
        CHECK(stats.stack_bytes_naive == count * size);
        CHECK(stats.sharing_ratio() == static_cast<double>(count));
        CHECK(stats.memory_efficiency() == static_cast<double>(count));
      }
      CHECK(consistent(main));

      // The last owner frees the chunk.
      stub.close();
      CHECK(main.stats().stack_count == (counting && count > 1 ? 1 : 0));
      while (!twins.empty()) {
        CHECK(main.stats().stack_bytes == (counting ? size : 0));
        twins.pop_back();
        CHECK(consistent(main));
      }
      CHECK(main.stats().stack_bytes == 0);
      CHECK(main.stats().n_active == (counting ? 1 : 0));
    }
    CHECK(upstream.blocks() == 0);
  }
}

TEST_CASE("each duplicate runs a function of its own, from any depth") {
  damaged = 0;
  Main main;
  Tealet stub;
  at_depth(10, [&] { stub = main.stub(); });
  std::vector<Tealet> twins(20);
  std::vector<int> sums(twins.size());
  for (std::size_t i = 0; i < twins.size(); ++i) {
    twins[i] = stub.duplicate();
    at_depth(static_cast<int>(3 * i % 31), [&] {
      twins[i].run(
          [&, i](void* value) {
            Pattern<> pattern(static_cast<unsigned>(i));
            for (int round = 0; round < 3; ++round) {
              sums[i] += number(value);
              value = main.switch_to();
            }
          },
          token(static_cast<int>(i)));
    });
    CHECK(twins[i].status() == Status::Suspended);
  }
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = twins.size(); i-- > 0;)
      twins[i].switch_to(token(static_cast<int>(100 * i)));
  }
  CHECK(consistent(main));
  for (std::size_t i = 0; i < twins.size(); ++i) {
    twins[i].switch_to();
    CHECK_FALSE(twins[i]);
    CHECK(sums[i] == static_cast<int>(201 * i));
  }
  CHECK(stub.run([]() -> void* { return token(7); }) == token(7));
  CHECK_FALSE(stub);
  CHECK(damaged == 0);
  CHECK(main.stats().stack_count == 0);
}

TEST_CASE("a stub's function may be large, and is destroyed when the tealet ends") {
  damaged = 0;
  Main main;
  Tealet stub = main.stub();
  auto counted = std::make_shared<int>(0);
  // Begun much deeper than the stub was captured, so the stub runs where the caller's frames were.
  at_depth(30, [&] {
    std::array<int, 512> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i);
    stub.run([&main, numbers, counted] {
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (numbers[i] != static_cast<int>(i)) ++damaged;
      }
      ++*counted;
      main.switch_to();
    });
  });
  CHECK(*counted == 1);
  CHECK(counted.use_count() == 2);
  stub.close();
  CHECK(counted.use_count() == 1);
  CHECK(damaged == 0);
}

TEST_CASE("a function whose move throws") {
  struct Once {
    explicit Once(int moves) : left(moves) {}
    Once(Once&& other) : left(other.left - 1) {
      if (left < 0) throw 1;
    }
    void operator()() const {}
    int left;
  };
  Upstream upstream;
  Main main(over(upstream));
  main.memory().set_cache_bytes(0);
  Tealet stub = main.stub();
  const std::size_t blocks = upstream.blocks();
  CHECK_THROWS_AS(stub.run(Once(0)), int);
  CHECK_THROWS_AS(main.create(Once(0)), int);
  CHECK(upstream.blocks() == blocks);
  CHECK(stub.status() == Status::Stub);
  CHECK(consistent(main));
  CHECK(stub.run(Once(1)) == nullptr);
}

TEST_CASE("misuse of a stub") {
  Main main;
  Tealet stub = main.stub();
  CHECK_THROWS_AS(stub.switch_to(), tealet::InvalidError);
  Tealet fresh = main.create([&] { main.switch_to(); });
  CHECK_THROWS_AS(fresh.duplicate(), tealet::InvalidError);
  CHECK_THROWS_AS(fresh.run([] {}), tealet::InvalidError);
  fresh.switch_to();
  CHECK_THROWS_AS(fresh.duplicate(), tealet::InvalidError);
  CHECK_THROWS_AS(fresh.run([] {}), tealet::InvalidError);
  CHECK(stub.status() == Status::Stub);
  CHECK(consistent(main));
}

TEST_CASE("an exception thrown into a stub ends it and goes to its parent") {
  Main main;
  Tealet stub = main.stub();
  Tealet twin = stub.duplicate();
  CHECK_THROWS_AS(stub.throw_into(std::make_exception_ptr(5)), int);
  CHECK_FALSE(stub);
  CHECK(twin.status() == Status::Stub);
  CHECK(consistent(main));
}

TEST_CASE("a stub that is a parent is passed over: it has no function that could receive") {
  Main main;
  Tealet stub = main.stub();
  Tealet child = main.create([]() -> void* { return token(3); });
  CHECK_THROWS_AS(child.set_parent(stub), tealet::InvalidError);
  // Other APIs may allow it.
  auto set_parent = [&] {
    CHECK(domain_of(main).set_parent(node_of(child), node_of(stub)) == tealet::Errc::ok);
  };
  set_parent();
  CHECK(child.switch_to() == token(3));
  CHECK_FALSE(child);
  CHECK(stub.status() == Status::Stub);
  child = main.create([] { throw 4; });
  set_parent();
  CHECK_THROWS_AS(child.switch_to(), int);
  CHECK(stub.status() == Status::Stub);
}

TEST_CASE("[switch-4] a shared stack is completed before it is overwritten") {
  damaged = 0;
  BareDomain domain;
  Node* original = nullptr;
  Node* twin = nullptr;
  Node* watcher = nullptr;
  int arrivals = 0;
  BareDomain::Script shared = [&] {
    volatile int local = 1;
    Pattern<> pattern(9);
    domain.go(*watcher);
    // Both owners return here, each with the value of `local` at the time of duplication.
    CHECK(local == 1);
    local = 2;
    CHECK(pattern.intact());
    ++arrivals;
  };
  BareDomain::Script watch = [&] {
    CHECK(domain.saved_bytes(*original) == 0);
    twin = domain.duplicate(*original);
    CHECK(consistent(domain));
    domain.go(*original);
  };
  original = &domain.tealet(shared);
  watcher = &domain.tealet(watch);
  domain.go(*original);  // ends, after `watcher` resumed it
  CHECK(arrivals == 1);
  REQUIRE(twin != nullptr);
  CHECK(twin->stack->complete());
  CHECK(twin->stack->owners() == 1);
  CHECK(domain.saved_bytes(*twin) == domain.extent(*twin));
  CHECK(consistent(domain));
  domain.go(*twin);
  CHECK(arrivals == 2);
  CHECK(consistent(domain));
  CHECK(damaged == 0);
}

TEST_CASE("[switch-4] a stack with one owner fewer, still in place, is saved when needed") {
  damaged = 0;
  BareDomain domain;
  Node* original = nullptr;
  Node* twin = nullptr;
  Node* watcher = nullptr;
  BareDomain::Script shared = [&] {
    Pattern<> pattern(9);
    domain.go(*watcher);
    CHECK(pattern.intact());
  };
  BareDomain::Script watch = [&] {
    twin = domain.duplicate(*original);
    domain.discard(*twin);
    CHECK(domain.saved_bytes(*original) == 0);
    domain.go(domain.main());
  };
  original = &domain.tealet(shared);
  watcher = &domain.tealet(watch);
  domain.go(*original);
  CHECK(original->stack->complete());
  CHECK(consistent(domain));
  at_depth(20, [&] { domain.go(*original); });
  CHECK(consistent(domain));
  CHECK(damaged == 0);
}

TEST_CASE("[switch-4] a shared stack that is complete is not copied again") {
  BareDomain domain;
  Node* twins[3] = {};
  int ends = 0;
  BareDomain::Script script = [&] {
    domain.go(domain.main());
    CHECK(domain.stats().stack_bytes_expanded == domain.stats().stack_bytes_naive);
    ++ends;
  };
  twins[0] = &domain.tealet(script);
  domain.go(*twins[0]);
  for (int i = 1; i < 3; ++i) twins[i] = domain.duplicate(*twins[0]);
  const std::size_t size = domain.extent(*twins[0]);
  for (Node* twin : twins) {
    CHECK(domain.stats().stack_bytes == (counting ? size : 0));
    CHECK(domain.stats().stack_chunk_count == (counting ? 1 : 0));
    domain.go(*twin);
    CHECK(consistent(domain));
  }
  CHECK(ends == 3);
  CHECK(domain.stats().stack_count == 0);
}

TEST_CASE("capturing a stub does not count as a switch") {
  Main main;
  Tealet stub = main.stub();
  CHECK(main.previous() == TealetRef());
  Tealet other = main.create([&] {
    stub = main.stub();
    CHECK(main.previous() == main.self());
    main.switch_to();
  });
  other.switch_to();
  stub = main.stub();
  CHECK(main.previous() == other);
}
