// Switching: values, receivers, and intact stacks.
#include <memory>
#include <string>
#include <vector>

#include "helpers.hpp"

using namespace tealet_tests;

TEST_CASE("values travel both ways") {
  Main main;
  std::vector<int> seen;
  Tealet echo = main.create([&](void* value) -> void* {
    while (number(value) != 0) {
      seen.push_back(number(value));
      value = main.switch_to(token(number(value) * 10));
    }
    return token(99);
  });
  CHECK(echo.status() == Status::New);
  CHECK_FALSE(echo);
  CHECK(number(echo.switch_to(token(1))) == 10);
  CHECK(echo.status() == Status::Suspended);
  CHECK(number(echo.switch_to(token(2))) == 20);
  CHECK(echo);
  CHECK(number(echo.switch_to(token(0))) == 99);
  CHECK(echo.status() == Status::Exited);
  CHECK_FALSE(echo);
  CHECK(seen == std::vector<int>{1, 2});
}

TEST_CASE("every shape of callable") {
  Main main;
  CHECK(main.create([](void* value) { return value; }).switch_to(token(5)) == token(5));
  CHECK(main.create([]() -> void* { return token(6); }).switch_to(token(5)) == token(6));
  CHECK(main.create([](void*) {}).switch_to(token(5)) == nullptr);
  CHECK(main.create([] {}).switch_to(token(5)) == nullptr);
  auto owned = std::make_unique<int>(8);
  CHECK(main.create([own = std::move(owned)]() -> void* { return token(*own); }).switch_to() ==
        token(8));
}

TEST_CASE("switching to the running tealet returns the value at once") {
  Main main;
  CHECK(main.switch_to(token(3)) == token(3));
  CHECK(main.previous() == TealetRef());
}

TEST_CASE("who runs and who switched here") {
  Main main;
  CHECK(main.current() == main.self());
  CHECK(main.self().status() == Status::Running);
  Tealet one, two;
  one = main.create([&] {
    CHECK(main.current() == one);
    CHECK(one.status() == Status::Running);
    CHECK(main.self().status() == Status::Suspended);
    CHECK(main.previous() == main.self());
    two.switch_to();
    CHECK(main.previous() == main.self());
  });
  two = main.create([&] {
    CHECK(main.previous() == one);
    main.switch_to();
    CHECK(main.previous() == main.self());
  });
  one.switch_to();
  CHECK(main.previous() == two);
  two.switch_to();
  CHECK(main.previous() == TealetRef());  // it has ended
  one.switch_to();
  CHECK_FALSE(one);
}

TEST_CASE("the end of a tealet is delivered to its parent, and its children to that one") {
  Main main;
  std::string order;
  Tealet inner;
  Tealet outer = main.create([&]() -> void* {
    inner = main.create([&]() -> void* {
      order += "inner ";
      main.switch_to();
      order += "inner-ends ";
      return token(1);
    });
    inner.switch_to();
    return token(2);
  });
  CHECK(outer.parent() == main.self());
  outer.switch_to();
  CHECK(inner.parent() == outer);
  CHECK(outer.switch_to() == token(2));
  CHECK_FALSE(outer);
  CHECK(inner.parent() == main.self());
  CHECK(inner.switch_to() == token(1));
  CHECK(order == "inner inner-ends ");
  CHECK(inner.parent() == TealetRef());
}

TEST_CASE("an ended tealet, an empty owner and a moved one are Exited") {
  Main main;
  Tealet empty;
  Tealet ended = main.create([] {});
  ended.switch_to();
  for (Tealet* tealet : {&empty, &ended}) {
    CHECK(tealet->status() == Status::Exited);
    CHECK(tealet->saved_bytes() == 0);
    CHECK(tealet->extent() == 0);
    CHECK(tealet->parent() == TealetRef());
    CHECK_THROWS_AS(tealet->switch_to(), tealet::InvalidError);
    CHECK_THROWS_AS(tealet->throw_into(std::make_exception_ptr(1)), tealet::InvalidError);
    CHECK_THROWS_AS(tealet->duplicate(), tealet::InvalidError);
    CHECK_THROWS_AS(tealet->run([] {}), tealet::InvalidError);
    CHECK_NOTHROW(tealet->close());
  }
  Tealet moved = main.create([] {});
  Tealet target = std::move(moved);
  CHECK(target.status() == Status::New);
  CHECK(moved.status() == Status::Exited);
}

TEST_CASE("stacks survive in a ring, at every depth") {
  damaged = 0;
  for (int depth : {0, 1, 7, 40}) {
    Main main;
    constexpr int members = 7;
    std::vector<Tealet> ring(members);
    int steps = 0;
    for (int i = 0; i < members; ++i) {
      ring[static_cast<std::size_t>(i)] = main.create([&, i] {
        at_depth(
            depth * (i + 1) % 50,
            [&] {
              for (int round = 0; round < 5; ++round) {
                at_depth(
                    round * i % 11,
                    [&] {
                      Pattern<512> here(static_cast<unsigned>(100 * i + round));
                      ++steps;
                      ring[static_cast<std::size_t>((i + 1) % members)].switch_to();
                    },
                    static_cast<unsigned>(round));
              }
              main.switch_to();
            },
            static_cast<unsigned>(i));
      });
    }
    ring[0].switch_to();
    CHECK(steps == 5 * members);
    CHECK(consistent(main));
    for (Tealet& member : ring) member.close();
    CHECK(consistent(main));
  }
  CHECK(damaged == 0);
}

TEST_CASE("stacks survive in a chain that starts on top of each other and comes back") {
  damaged = 0;
  Main main;
  std::vector<Tealet> chain(30);
  std::size_t reached = 0;
  auto link = [&](std::size_t i, const auto& self) -> void {
    at_depth(
        static_cast<int>(i % 5),
        [&] {
          ++reached;
          if (i + 1 < chain.size()) {
            chain[i + 1] = main.create([&, i] { self(i + 1, self); });
            chain[i + 1].switch_to();
          }
          main.switch_to();
        },
        static_cast<unsigned>(i));
  };
  chain[0] = main.create([&] { link(0, link); });
  chain[0].switch_to();
  CHECK(reached == chain.size());
  CHECK(consistent(main));
  // From the middle outwards, each is resumed on its own from another depth, to its end.
  for (std::size_t i = 0; i < chain.size(); ++i) {
    std::size_t which = (i * 7 + 13) % chain.size();
    at_depth(static_cast<int>(i % 9), [&] {
      for (int tries = 0; tries < 40 && chain[which]; ++tries) chain[which].switch_to();
    });
    CHECK_FALSE(chain[which]);
    CHECK(consistent(main));
  }
  CHECK(damaged == 0);
}

TEST_CASE("a tealet is resumed from shallower and from deeper than where it began") {
  damaged = 0;
  Main main;
  Tealet tealet;
  int rounds = 0;
  at_depth(10, [&] {
    tealet = main.create([&] {
      Pattern<4096> large(3);
      for (;;) {
        ++rounds;
        CHECK(large.intact());
        main.switch_to();
      }
    });
    tealet.switch_to();
  });
  for (int depth = 0; depth < 40; ++depth) {
    at_depth(depth, [&] { tealet.switch_to(); }, 77);
  }
  CHECK(rounds == 41);
  tealet.close();
  CHECK(damaged == 0);
}

TEST_CASE("a tealet may be begun by another than its creator, and may begin as a parent") {
  Main main;
  std::string order;
  Tealet heir, child;
  const char* far = nullptr;
  heir = main.create([&](void* value) {
    // switch-2: it begins where the one that ended began.
    CHECK(node_of(heir).far == far);
    order += "heir got " + std::to_string(number(value));
    return token(4);
  });
  child = main.create([&]() -> void* {
    far = node_of(child).far;
    return token(3);
  });
  child.set_parent(heir);
  CHECK(child.switch_to() == token(4));
  CHECK(order == "heir got 3");
  CHECK_FALSE(heir);
}
