// tealet::Tealet, the owner of a tealet: it is moved and destroyed, and may be on the stack of a
// tealet that is paused or defunct.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cxx/cxx_domain.hpp"
#include "helpers.hpp"

using namespace tealet_tests;

TEST_CASE("owners move while their tealet runs") {
  Main main;
  auto first = std::make_unique<Tealet>();
  Tealet second;
  *first = main.create([&] {
    second = std::move(*first);
    first.reset();
    CHECK(main.current() == second);
    main.switch_to();
  });
  first->switch_to();
  CHECK(second.status() == Status::Suspended);
  second.switch_to();
  CHECK_FALSE(second);
}

TEST_CASE("an owner is moved, replaced or destroyed while it ends its tealet") {
  struct Last {
    std::function<void()> act;
    ~Last() { act(); }
  };
  Upstream upstream;
  std::string log;
  {
    Main main(over(upstream));
    main.memory().set_cache_bytes(0);
    auto owner = std::make_unique<Tealet>();
    Tealet elsewhere;
    std::function<void()> act = [] {};
    bool replaced = false;
    SUBCASE("moved") {
      act = [&] { elsewhere = std::move(*owner); };
    }
    SUBCASE("moved there and back") {
      act = [&] {
        elsewhere = std::move(*owner);
        *owner = std::move(elsewhere);
      };
    }
    SUBCASE("replaced") {
      replaced = true;
      act = [&] { *owner = main.create([] {}); };
    }
    SUBCASE("destroyed") {
      act = [&] { owner.reset(); };
    }
    SUBCASE("closed") {
      act = [&] {
        try {
          owner->close();
        } catch (const tealet::Exit&) {
        }
      };
    }
    SUBCASE("left alone") {}
    for (bool assigned : {false, true}) {
      if (owner == nullptr) owner = std::make_unique<Tealet>();
      *owner = main.create([&] {
        Note note{log, "end "};
        Last last{act};
        main.switch_to();
      });
      owner->switch_to();
      Tealet* const at = owner.get();
      if (assigned) {
        *at = Tealet();
      } else {
        at->close();
      }
      CHECK(log == "end ");
      log.clear();
      CHECK(consistent(main));
      if (replaced) CHECK(owner->status() == Status::New);
      if (owner != nullptr && !replaced) CHECK(owner->status() == Status::Exited);
    }
    owner.reset();
    elsewhere = Tealet();
    CHECK(main.stats().n_active == (counting ? 1 : 0));
    CHECK(upstream.blocks() == 1);
  }
  CHECK(upstream.blocks() == 0);
}

TEST_CASE("a running tealet without an owner continues, owned by its Main") {
  bool pause = false;
  SUBCASE("until it ends") {}
  SUBCASE("until its Main ends it") { pause = true; }
  std::string log;
  {
    Main main;
    std::optional<Tealet> owner;
    owner = main.create([&] {
      Note note{log, "unwound "};
      owner.reset();
      CHECK(main.current().status() == Status::Running);
      CHECK(main.current() != main.self());
      CHECK(main.previous() == main.self());
      std::unique_ptr<Tealet> child = std::make_unique<Tealet>(main.create([&] {
        CHECK(child->parent() == main.previous());
        CHECK(child->parent().status() == Status::Suspended);
      }));
      child->switch_to();
      if (pause) {
        main.switch_to();
        log += "never ";
      }
    });
    owner->switch_to();
    CHECK(consistent(main));
    CHECK(log == (pause ? "" : "unwound "));
  }
  CHECK(log == "unwound ");
}

TEST_CASE("an owner on a paused stack is updated when its tealet ends, wherever its bytes are") {
  damaged = 0;
  Main main;
  Tealet outer, sideways;
  bool seen = false;
  at_depth(6, [&] {
    sideways = main.create([&] {
      for (;;) main.switch_to();
    });
    sideways.switch_to();
  });
  SUBCASE("in place") {
    outer = main.create([&] {
      Tealet inner = main.create([] {});
      inner.set_parent(sideways);
      at_depth(20, [&] { inner.switch_to(); });
      seen = inner.status() == Status::Exited && inner.parent() == TealetRef();
    });
  }
  SUBCASE("in a chunk") {
    outer = main.create([&] {
      Tealet inner = main.create([] {});
      inner.set_parent(main.self());
      at_depth(20, [&] { inner.switch_to(); });
      seen = inner.status() == Status::Exited && inner.parent() == TealetRef();
    });
  }
  SUBCASE("in the first chunk") {
    outer = main.create([&] {
      at_depth(20, [&] {
        Tealet inner = main.create([] {});
        inner.set_parent(sideways);
        inner.switch_to();
        seen = inner.status() == Status::Exited && inner.parent() == TealetRef();
      });
    });
  }
  outer.switch_to();
  at_depth(30, [&] { outer.switch_to(); });
  CHECK_FALSE(outer);
  CHECK(seen);
  CHECK(damaged == 0);
  CHECK(consistent(main));
}

TEST_CASE("a Main ends tealets whose owners lie on each other's stacks") {
  std::string log;
  Tealet outer;
  {
    Main main;
    outer = main.create([&] {
      Note note{log, "outer "};
      Tealet inner = main.create([&] {
        Note mine{log, "inner "};
        main.switch_to();
      });
      inner.set_parent(main.self());
      inner.switch_to();
    });
    outer.switch_to();
  }
  CHECK(log.size() == 12);
}

TEST_CASE("an owner on the stack of a defunct tealet is never written to") {
  damaged = 0;
  bool on_top = false, close = false;
  SUBCASE("nothing of it could be saved") {}
  SUBCASE("nothing of it could be saved, and it is closed") { close = true; }
  SUBCASE("it was in the way") { on_top = true; }
  SUBCASE("it was in the way, and it is closed") { on_top = close = true; }
  for (int shift = 0; shift < 8; ++shift) {
    Upstream upstream;
    Main main(over(upstream));
    main.memory().set_cache_bytes(0);
    auto& domain = domain_of(main);
    tealet::core::Node* owned = nullptr;
    Tealet top, victim;
    auto force = [&](std::size_t allocations) {
      upstream.run_dry_after(allocations);
      CHECK(code_of(domain.switch_to(domain.main(), {}, true)) == tealet::Errc::ok);
    };
    top = main.create([&] { force(1); });
    victim = main.create([&] {
      at_depth(shift, [&] {
        Tealet inner = main.create([&] { main.switch_to(); });
        inner.set_parent(main.self());
        owned = &node_of(inner);
        inner.switch_to();
        if (on_top) top.switch_to();
        force(0);
      });
    });
    victim.switch_to();
    victim.switch_to();
    upstream.refill();
    CHECK(victim.status() == Status::Defunct);
    if (close) victim.close();
    // Main has its own frames where the owner was.
    at_depth(40, [&] { CHECK(code_of(domain.switch_to(*owned, {})) == tealet::Errc::ok); });
    CHECK(owned->status == Status::Exited);
    CHECK(consistent(main));
    // What a defunct tealet's stack owns is leaked. Here: one reference.
    CHECK(owned->references == 1);
    tealet::CxxDomain::of(*owned).unrefer(*owned);
    CHECK(consistent(main));
  }
  CHECK(damaged == 0);
}

TEST_CASE("two tealets close one owner at the same time") {
  Main main;
  auto owner = std::make_unique<Tealet>();
  struct Leave {
    Main& main;
    ~Leave() {
      try {
        main.switch_to();
      } catch (const tealet::Exit&) {
      }
    }
  };
  *owner = main.create([&] {
    const Leave leave{main};
    main.switch_to();
  });
  owner->switch_to();
  bool closed = false;
  Tealet closer = main.create([&] {
    owner->close();
    closed = true;
  });
  closer.switch_to();  // the destructor comes back here, in the middle of it
  owner->close();
  CHECK(owner->status() == Status::Exited);
  bool again = false;
  SUBCASE("it is gone") { owner.reset(); }
  SUBCASE("it owns another one") {
    again = true;
    *owner = main.create([&] { main.switch_to(); });
    owner->switch_to();
  }
  closer.switch_to();
  CHECK(closed);
  if (again) CHECK(*owner);
  owner.reset();
  CHECK(consistent(main));
}
