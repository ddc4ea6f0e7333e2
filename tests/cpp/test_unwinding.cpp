// Ending tealets: Exit at the pause point, and the destructors that run then.
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "helpers.hpp"

using namespace tealet_tests;

TEST_CASE("close unwinds: destructors run, innermost first") {
  Main main;
  std::string log;
  Tealet tealet = main.create([&] {
    Note outer{log, "outer "};
    Note inner{log, "inner "};
    main.switch_to();
    log += "never ";
  });
  tealet.switch_to();
  tealet.close();
  CHECK(log == "inner outer ");
  CHECK_FALSE(tealet);
  tealet.close();  // once more: nothing
  CHECK(consistent(main));
}

TEST_CASE("a tealet that has not begun is closed without running") {
  Main main;
  bool ran = false;
  auto owned = std::make_shared<int>(1);
  Tealet tealet = main.create([&ran, owned] { ran = true; });
  CHECK(owned.use_count() == 2);
  tealet.close();
  CHECK(tealet.status() == Status::Exited);
  CHECK(owned.use_count() == 1);
  CHECK_FALSE(ran);
}

TEST_CASE("destroying the owner unwinds and drops other exceptions; close throws them") {
  Main main;
  auto body = [&] {
    try {
      main.switch_to();
    } catch (const tealet::Exit&) {
      throw std::runtime_error("while unwinding");
    }
  };
  Tealet closed = main.create(body);
  closed.switch_to();
  CHECK_THROWS_WITH_AS(closed.close(), "while unwinding", std::runtime_error);
  CHECK_FALSE(closed);
  {
    Tealet dropped = main.create(body);
    dropped.switch_to();
  }
  Tealet assigned = main.create(body);
  assigned.switch_to();
  assigned = Tealet();
  CHECK(main.stats().n_active == (counting ? 1 : 0));
  CHECK(main.switch_to() == nullptr);
}

TEST_CASE("[closing-refuse] a tealet that refuses to end") {
  Main main;
  int refusals = 0;
  Tealet stubborn = main.create([&]() -> void* {
    for (;;) {
      try {
        main.switch_to();
        return token(1);
      } catch (const tealet::Exit&) {
        ++refusals;
      }
    }
  });
  stubborn.switch_to();
  for (int i = 1; i <= 3; ++i) {
    try {
      stubborn.close();
      CHECK(false);
    } catch (const tealet::Error& error) {
      CHECK(error.code() == tealet::Errc::refused);
    }
    CHECK(refusals == i);
    CHECK(stubborn.status() == Status::Suspended);
    CHECK(consistent(main));
  }
  SUBCASE("it can still end by itself") { CHECK(stubborn.switch_to() == token(1)); }
  SUBCASE("it is freed with its Main") {}
  SUBCASE("without an owner it is freed with its Main") {
    stubborn = Tealet();
    CHECK(main.stats().n_active == (counting ? 2 : 0));
  }
}

TEST_CASE("a tealet that waits for another's end is closed, or thrown into") {
  Main main;
  std::string log;
  struct Leave {
    Main& main;
    ~Leave() { main.switch_to(); }
  };
  Tealet slow = main.create([&] {
    Note note{log, "slow "};
    Leave leave{main};
    main.switch_to();
  });
  slow.switch_to();
  Tealet closer = main.create([&] {
    Note note{log, "closer "};
    slow.close();
    log += "never ";
  });
  closer.switch_to();
  REQUIRE(closer.status() == Status::Suspended);
  SUBCASE("ended") { CHECK_NOTHROW(closer.close()); }
  SUBCASE("thrown into") { CHECK_THROWS_AS(closer.throw_into(std::make_exception_ptr(5)), int); }
  CHECK_FALSE(closer);
  CHECK(log == "closer ");
  CHECK(slow.status() == Status::Suspended);
  slow.switch_to();
  CHECK_FALSE(slow);
  CHECK(log == "closer slow ");
  CHECK(consistent(main));
}

TEST_CASE("a destructor that switches away and back, while its tealet is unwound") {
  Main main;
  std::string log;
  struct Excursion {
    Tealet& to;
    std::string& log;
    ~Excursion() {
      to.switch_to();
      log += "back ";
    }
  };
  Tealet helper = main.create([&] {
    log += "helper ";
    main.previous().switch_to();
  });
  Tealet tealet = main.create([&] {
    Excursion excursion{helper, log};
    main.switch_to();
  });
  tealet.switch_to();
  tealet.close();
  CHECK(log == "helper back ");
  CHECK_FALSE(tealet);
  CHECK(helper.status() == Status::Suspended);
}

TEST_CASE("a tealet destroyed from inside another, and by its own descendant") {
  Main main;
  std::string log;
  std::optional<Tealet> victim, child, grandchild;
  victim = main.create([&] {
    Note note{log, "victim "};
    child = main.create([&] {
      grandchild = main.create([&] {
        Note mine{log, "grandchild "};
        main.switch_to();
        victim.reset();
        main.switch_to();
      });
      grandchild->switch_to();
      main.switch_to();
    });
    child->switch_to();
    main.switch_to();
  });
  victim->switch_to();
  REQUIRE(grandchild->parent() == *child);
  REQUIRE(child->parent() == *victim);
  SUBCASE("from main") { victim.reset(); }
  SUBCASE("from another tealet") {
    Tealet other = main.create([&] { victim.reset(); });
    other.switch_to();
  }
  SUBCASE("by its own grandchild") { grandchild->switch_to(); }
  CHECK(log == "victim ");
  CHECK(consistent(main));
  CHECK(grandchild->parent() == *child);
  CHECK(child->parent() != TealetRef());
  grandchild.reset();
  CHECK(log == "victim grandchild ");
  child.reset();
  CHECK(main.stats().n_active == (counting ? 1 : 0));
}

TEST_CASE("a callable may own other tealets, which end when it does") {
  Main main;
  std::string log;
  auto paused = [&](const char* text) {
    Tealet tealet = main.create([&log, &main, text] {
      Note note{log, text};
      main.switch_to();
    });
    tealet.switch_to();
    return tealet;
  };
  SUBCASE("at its end") {
    Tealet tealet = main.create([own = paused("owned "), &log]() mutable -> void* {
      log += "runs ";
      return token(5);
    });
    CHECK(tealet.switch_to() == token(5));
    CHECK_FALSE(tealet);
  }
  SUBCASE("when it throws") {
    Tealet tealet = main.create([own = paused("owned "), &log] {
      log += "runs ";
      throw 5;
    });
    CHECK_THROWS_AS(tealet.switch_to(), int);
  }
  SUBCASE("when it is thrown into before it began") {
    Tealet tealet = main.create([own = paused("owned ")] {});
    log += "runs ";
    CHECK_THROWS_AS(tealet.throw_into(std::make_exception_ptr(5)), int);
  }
  SUBCASE("when it never began") {
    Tealet tealet = main.create([own = paused("owned ")] {});
    log += "runs ";
  }
  SUBCASE("in a stub") {
    Tealet stub = main.stub();
    log += "runs ";
    CHECK(stub.run([own = paused("owned ")]() -> void* { return token(5); }) == token(5));
  }
  CHECK(log == "runs owned ");
  CHECK(main.stats().n_active == (counting ? 1 : 0));
  CHECK(consistent(main));
}

TEST_CASE("tealets that outlive their Main are ended by it") {
  std::string log;
  Tealet outer, fresh, ended;
  std::vector<Tealet> many(5);
  {
    Main main;
    fresh = main.create([] {});
    ended = main.create([] {});
    ended.switch_to();
    for (Tealet& one : many) {
      one = main.create([&] { main.switch_to(); });
      one.switch_to();
    }
    outer = main.create([&] {
      Note note{log, "outer "};
      // Owned by a variable on a stack that is saved when Main ends all.
      Tealet inner = main.create([&] {
        Note mine{log, "inner "};
        at_depth(20, [&] { main.switch_to(); });
      });
      inner.switch_to();
      log += "never ";
    });
    outer.switch_to();
  }
  CHECK(log == "inner outer ");  // the inner one by its owner's destructor
  CHECK(outer.status() == Status::Exited);
  CHECK(fresh.status() == Status::Exited);
  CHECK_THROWS_AS(fresh.switch_to(), tealet::InvalidError);
  for (Tealet& one : many) CHECK_FALSE(one);
}

TEST_CASE("a Main ends parents first: their destructors may still use their children") {
  std::string log;
  struct Finish {
    Tealet& worker;
    ~Finish() { worker.switch_to(); }
  };
  Tealet boss;
  {
    Main main;
    boss = main.create([&] {
      auto worker = std::make_unique<Tealet>();
      *worker = main.create([&] {
        Note note{log, "worker "};
        main.switch_to();
        log += "finishes ";
      });
      worker->switch_to();
      Finish finish{*worker};
      Note note{log, "boss "};
      main.switch_to();
    });
    boss.switch_to();
    boss.switch_to();
    REQUIRE(boss.status() == Status::Suspended);
  }
  CHECK(log == "boss finishes worker ");
}

TEST_CASE("a tealet that is begun by unwinding another is unwound too") {
  std::string log;
  {
    Main main;
    Tealet tealet = main.create([&] {
      Note note{log, "first "};
      try {
        main.switch_to();
      } catch (const tealet::Exit&) {
        Tealet late = main.create([&] {
          Note mine{log, "late "};
          main.switch_to();
        });
        late.switch_to();  // to main: the first one refuses to end, and stays with it
      }
    });
    tealet.switch_to();
  }
  CHECK(log == "late first ");
}
