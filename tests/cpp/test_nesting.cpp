// Domains inside tealets of other domains, and domains on other threads.
#include <cstring>
#include <memory>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "helpers.hpp"

using namespace tealet_tests;
using tealet::Errc;

namespace {

template <class F>
Errc code_of(F&& call) {
  try {
    call();
  } catch (const tealet::Error& error) {
    return error.code();
  }
  return Errc::ok;
}

}  // namespace

TEST_CASE("[nesting-usable] a domain opened in a tealet is usable while that tealet runs") {
  damaged = 0;
  Main outer;
  Main* inner = nullptr;
  Tealet* inside = nullptr;
  int rounds = 0;
  Tealet host = outer.create([&] {
    auto main = std::make_unique<Main>();
    auto tealet = std::make_unique<Tealet>(main->create([&] {
      Pattern<> pattern(1);
      for (;;) {
        ++rounds;
        if (rounds == 2) outer.switch_to();  // pauses the host in the middle of an inner tealet
        inner->switch_to();
      }
    }));
    inner = main.get();
    inside = tealet.get();
    tealet->switch_to();
    outer.switch_to();
    tealet->switch_to();
    tealet->switch_to();
    CHECK(consistent(*main));
  });
  auto everything_fails = [&] {
    CHECK(code_of([&] { inside->switch_to(); }) == Errc::outside);
    CHECK(code_of([&] { inside->throw_into(std::make_exception_ptr(1)); }) == Errc::outside);
    CHECK(code_of([&] { inside->close(); }) == Errc::outside);
    CHECK(code_of([&] { inner->switch_to(); }) == Errc::outside);
    CHECK(code_of([&] { inner->create([] {}); }) == Errc::outside);
    CHECK(code_of([&] { inner->stub(); }) == Errc::outside);
  };
  host.switch_to();
  everything_fails();
  CHECK(inside->status() == Status::Suspended);
  host.switch_to();
  everything_fails();
  at_depth(30, [&] { everything_fails(); });
  CHECK(rounds == 2);
  at_depth(30, [&] { host.switch_to(); });
  CHECK_FALSE(host);
  CHECK(rounds == 3);
  CHECK(damaged == 0);
  CHECK(consistent(outer));
}

TEST_CASE("[nesting-inside] domains in one execution, each inside the last one") {
  std::string log;
  auto first = std::make_unique<Main>();
  auto second = std::make_unique<Main>();
  auto third = std::make_unique<Main>();
  Tealet a = first->create([&] {
    // Here neither of the others can be used: their mains are what `first` has paused.
    CHECK(code_of([&] { second->create([] {}); }) == Errc::outside);
    CHECK(code_of([&] { third->switch_to(); }) == Errc::outside);
    log += "a ";
    first->switch_to();
    log += "a ";
  });
  Tealet b = second->create([&] {
    CHECK(code_of([&] { third->switch_to(); }) == Errc::outside);
    log += "b ";
    a.switch_to();
    log += "b ";
    second->switch_to();
  });
  Tealet c = third->create([&] { b.switch_to(); });
  SUBCASE("all at once") {
    c.switch_to();
    CHECK(log == "b a b ");
  }
  SUBCASE("closed out of order: the middle one first") {
    c.close();
    b.switch_to();
    CHECK(log == "b a b ");
    second.reset();
    CHECK_FALSE(b);
    Tealet d = third->create([&] { a.switch_to(); });
    d.switch_to();
    CHECK(log == "b a b a ");
  }
  SUBCASE("closed out of order: the first one first") {
    first.reset();
    CHECK_FALSE(a);
    third->create([&] { CHECK(code_of([&] { third->create([] {}); }) == Errc::ok); }).switch_to();
    second.reset();
    Main fourth;
    CHECK(fourth.create([]() -> void* { return token(1); }).switch_to() == token(1));
  }
}

TEST_CASE("[nesting-closed] a tealet that ends with a domain open inside closes it") {
  std::string log;
  Upstream upstream;
  {
    Main outer;
    std::unique_ptr<Main> left;
    Tealet stray;
    Tealet host = outer.create([&] {
      Note note{log, "host "};
      left = std::make_unique<Main>(over(upstream));
      stray = left->create([&] {
        Note mine{log, "stray "};
        left->switch_to();
        log += "never ";
      });
      stray.switch_to();
      if (log == "pause") outer.switch_to();
    });
    SUBCASE("ends by itself") { host.switch_to(); }
    SUBCASE("is unwound") {
      log = "pause";
      host.switch_to();
      log = "";
      host.close();
    }
    CHECK_FALSE(host);
    CHECK(log == "host stray ");
    CHECK_FALSE(stray);
    // Only the closed domain object is left, and the node that `stray` refers to.
    CHECK(upstream.blocks() == 1);
    stray = Tealet();
    CHECK(upstream.blocks() == 0);
    CHECK(left->current() == TealetRef());
    CHECK(left->previous() == TealetRef());
    CHECK(left->self().status() == Status::Exited);
    CHECK(left->stats().n_active == 0);
    CHECK(left->stats().n_total == (counting ? 2 : 0));
    CHECK(code_of([&] { left->create([] {}); }) == Errc::outside);
    CHECK(code_of([&] { left->stub(); }) == Errc::outside);
    CHECK_THROWS_AS(left->switch_to(), tealet::InvalidError);
    Main another;
    CHECK(another.create([]() -> void* { return token(1); }).switch_to() == token(1));
  }
  CHECK(upstream.blocks() == 0);
}

TEST_CASE("Exit propagates through inner domains to its target") {
  std::string log;
  Main outer;
  Tealet host;
  // Paused, or running, in a tealet of a domain in a tealet of a domain in `host`.
  auto nest = [&](auto&& innermost) {
    host = outer.create([&log, innermost] {
      Note note{log, "host "};
      Main middle;
      Tealet parent = middle.create([&] {
        Note its{log, "parent "};
        auto inner = std::make_unique<Main>();
        Tealet worker = inner->create([&] {
          Note mine{log, "worker "};
          innermost();
          log += "worker-ends ";
        });
        worker.switch_to();
        log += "parent-goes-on ";
      });
      parent.switch_to();
      log += "host-goes-on ";
    });
    host.switch_to();
  };
  const std::string all = "worker parent host ";
  SUBCASE("closed from outside") {
    nest([&] { outer.switch_to(); });
    CHECK(log == "");
    host.close();
    CHECK(log == all);
  }
  SUBCASE("dropped outside") {
    nest([&] { outer.switch_to(); });
    host = Tealet();
    CHECK(log == all);
  }
  SUBCASE("closed from inside") {
    nest([&] { host.close(); });
    CHECK(log == all);
  }
  SUBCASE("an Exit without a target ends the first tealet that it leaves") {
    nest([&] { throw tealet::Exit(); });
    CHECK(log == "worker parent-goes-on parent host-goes-on host ");
  }
  CHECK_FALSE(host);
  CHECK(consistent(outer));
}

namespace {

// Overwrites what is given back, and keeps it: whoever looks at it finds neither pointers nor
// zeros.
class Overwriting : public std::pmr::memory_resource {
 public:
  ~Overwriting() override {
    for (void* block : given_back_) ::operator delete(block);
  }

 private:
  void* do_allocate(std::size_t size, std::size_t) override { return ::operator new(size); }
  void do_deallocate(void* block, std::size_t size, std::size_t) override {
    std::memset(block, 0xA5, size);
    given_back_.push_back(block);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::vector<void*> given_back_;
};

}  // namespace

TEST_CASE("a domain is closed with its tealet, after a use from a tealet that has ended") {
  Overwriting memory;
  bool unwound = false;
  std::unique_ptr<Main> older;
  Tealet inside;
  Main outer;
  Tealet host = outer.create([&] {
    older = std::make_unique<Main>();
    inside = older->create([&] {
      try {
        older->switch_to();
      } catch (const tealet::Exit&) {
        outer.create([] {});  // not usable here by the fast path
        unwound = true;
        throw;
      }
    });
    Main::Options options;
    options.upstream = &memory;
    Main younger(options);
    younger.create([&] { inside.switch_to(); }).switch_to();
  });
  host.switch_to();
  CHECK(unwound);
  CHECK_FALSE(host);
  CHECK_FALSE(inside);
  CHECK(consistent(outer));
  CHECK(code_of([&] { outer.create([] {}).switch_to(); }) == Errc::ok);
}

TEST_CASE("a domain in a tealet that becomes defunct is refused") {
  Upstream upstream;
  std::unique_ptr<Main> left;
  Tealet stray;
  {
    Main outer;
    Tealet host = outer.create([&] {
      left = std::make_unique<Main>(over(upstream));
      stray = left->create([&] { left->switch_to(); });
      stray.switch_to();
      for (;;) {
        try {
          outer.switch_to();
        } catch (const tealet::Exit&) {
        }
      }
    });
    host.switch_to();
  }
  CHECK(code_of([&] { left->create([] {}); }) == Errc::outside);
  CHECK(code_of([&] { stray.switch_to(); }) == Errc::outside);
  left.reset();  // discards everything
  CHECK(stray.status() == Status::Exited);
  CHECK(upstream.blocks() == 1);
  stray = Tealet();
  CHECK(upstream.blocks() == 0);
}

TEST_CASE("[misuse-thread] another thread cannot use a domain") {
  Main main;
  Tealet tealet = main.create([&] { main.switch_to(); });
  tealet.switch_to();
  Tealet stub = main.stub();
  int refused = 0;
  std::thread([&] {
    auto count = [&](auto&& call) {
      try {
        call();
      } catch (const tealet::ThreadError& error) {
        refused += error.code() == Errc::thread;
      }
    };
    count([&] { tealet.switch_to(); });
    count([&] { tealet.throw_into(std::make_exception_ptr(1)); });
    count([&] { tealet.close(); });
    count([&] { tealet.set_parent(main.self()); });
    count([&] { main.switch_to(); });
    count([&] { main.create([] {}); });
    count([&] { main.stub(); });
    count([&] { stub.duplicate(); });
    count([&] { stub.run([] {}); });
  }).join();
  CHECK(refused == 9);
  tealet.switch_to();
  CHECK_FALSE(tealet);
}

TEST_CASE("a tealet dropped on another thread stays with its Main") {
  Main main;
  std::string log;
  auto tealet = std::make_unique<Tealet>(main.create([&] {
    Note note{log, "unwound "};
    main.switch_to();
  }));
  tealet->switch_to();
  std::thread([&] { tealet.reset(); }).join();
  CHECK(log == "");
  CHECK(main.stats().n_active == (counting ? 2 : 0));
}

TEST_CASE("two threads, each with a Main of its own, at the same time") {
  auto work = [](int& result) {
    Main main;
    Tealet generator = main.create([&] {
      for (int i = 0;; ++i) at_depth(i % 20, [&] { main.switch_to(token(i)); });
    });
    for (int i = 0; i < 2000; ++i) result += number(generator.switch_to()) == i;
    try {
      Tealet thrower = main.create([] { throw 1; });
      thrower.switch_to();
    } catch (int) {
      result += consistent(main);
    }
  };
  int one = 0, two = 0;
  std::thread first([&] { work(one); });
  std::thread second([&] { work(two); });
  first.join();
  second.join();
  CHECK(one == 2001);
  CHECK(two == 2001);
}

TEST_CASE("an exception is kept while domains in the tealet that it has left are closed") {
  struct Switches {
    Tealet& target;
    std::string& log;
    ~Switches() {
      try {
        target.switch_to();
      } catch (const std::logic_error& error) {
        log += error.what();
      }
    }
  };
  Main outer;
  std::unique_ptr<Main> inner;
  Tealet paused;
  std::string log;
  Tealet other = outer.create([] { throw std::logic_error("other "); });
  Tealet host = outer.create([&] {
    other.set_parent(outer.current());
    inner = std::make_unique<Main>();
    paused = inner->create([&] {
      const Switches switches{other, log};
      inner->switch_to();
    });
    paused.switch_to();
    throw std::runtime_error("first");
  });
  try {
    host.switch_to();
  } catch (const std::runtime_error& error) {
    log += error.what();
  }
  CHECK(log == "other first");
}
