// C domains and C++ domains nested in each other.
#include <tealet/tealet.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "helpers.hpp"

using namespace tealet_tests;

namespace {

tealet_t* pause_once(tealet_t* current, void* arg) {
  Pattern<> pattern(2);
  tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
  CHECK(pattern.intact());
  return current->main;
}

// Shared by the C functions. Their own variables may be saved while others run.
struct Shared {
  std::string log;
  Main* main = nullptr;
  Tealet* tealet = nullptr;
  tealet_t* c_main = nullptr;
  tealet_t* c_tealet = nullptr;
};
Shared* shared = nullptr;

bool dry = false;  // C domains have no memory

class CDomain {
 public:
  CDomain() {
    tealet_alloc_t alloc = TEALET_ALLOC_INIT_MALLOC;
    alloc.malloc_p = [](size_t size, void*) {
      return dry ? nullptr : tealet_alloc_malloc(size, nullptr);
    };
    main_ = tealet_initialize(&alloc, 0);
    shared = &shared_;
    shared_.c_main = main_;
  }
  ~CDomain() { tealet_finalize(main_); }
  CDomain(const CDomain&) = delete;
  CDomain& operator=(const CDomain&) = delete;
  tealet_t* main() const { return main_; }
  Shared& operator*() { return shared_; }
  Shared* operator->() { return &shared_; }
  // Starts a tealet and leaves it paused.
  tealet_t* run(tealet_run_t function) {
    tealet_t* made = tealet_new(main_);
    CHECK(tealet_run(made, function, nullptr, nullptr, TEALET_START_SWITCH) == 0);
    return made;
  }

 private:
  tealet_t* main_ = nullptr;
  Shared shared_;
};

}  // namespace

TEST_CASE("a C domain in a C++ tealet is part of its execution") {
  Main main;
  tealet_t* c_main = nullptr;
  tealet_t* c_tealet = nullptr;
  Tealet host = main.create([&] {
    Pattern<> pattern(1);
    c_main = tealet_initialize(nullptr, 0);
    c_tealet = tealet_new(c_main);
    CHECK(tealet_run(c_tealet, pause_once, nullptr, nullptr, TEALET_START_SWITCH) == 0);
    main.switch_to();
    CHECK(pattern.intact());
    CHECK(tealet_switch(c_tealet, nullptr, TEALET_XFER_DEFAULT) == 0);
    CHECK(tealet_status(c_tealet) == TEALET_STATUS_EXITED);
    tealet_finalize(c_main);
  });
  host.switch_to();
  CHECK(tealet_switch(c_tealet, nullptr, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  host.switch_to();
  CHECK(host.status() == Status::Exited);
  CHECK(consistent(main));
}

TEST_CASE("a C domain outlives its enclosing C++ tealet, until it is finalized") {
  Main main;
  tealet_t* c_main = nullptr;
  tealet_t* c_tealet = nullptr;
  bool pauses = false;
  SUBCASE("the tealet ends") {}
  SUBCASE("the tealet is unwound") { pauses = true; }
  {
    Tealet host = main.create([&] {
      c_main = tealet_initialize(nullptr, 0);
      c_tealet = tealet_new(c_main);
      tealet_run(c_tealet, pause_once, nullptr, nullptr, TEALET_START_SWITCH);
      if (pauses) main.switch_to();
    });
    host.switch_to();
  }
  CHECK(tealet_switch(c_tealet, nullptr, TEALET_XFER_DEFAULT) == TEALET_ERR_INVAL);
  tealet_finalize(c_main);
}

TEST_CASE("a C++ domain in a C tealet") {
  CDomain c;
  tealet_t* host = c.run([](tealet_t* current, void*) {
    {
      Main main;
      Tealet tealet = main.create([&] {
        Pattern<> pattern(3);
        main.switch_to();
        CHECK(pattern.intact());
        shared->log += "ended ";
      });
      tealet.switch_to();
      tealet_switch(current->main, nullptr, TEALET_XFER_DEFAULT);
      tealet.switch_to();
      CHECK(tealet.status() == Status::Exited);
      CHECK(consistent(main));
    }
    return current->main;
  });
  CHECK(tealet_switch(host, nullptr, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(host) == TEALET_STATUS_EXITED);
  CHECK(c->log == "ended ");
}

namespace {

// Leaves a C++ domain open, with a tealet in it that is paused.
void leave_a_domain_open() {
  shared->main = new Main;
  shared->tealet = new Tealet(shared->main->create([] {
    const Note note{shared->log, "unwound "};
    shared->main->switch_to();
  }));
  shared->tealet->switch_to();
}

void free_what_was_left() {
  CHECK(shared->tealet->status() == Status::Exited);
  delete shared->tealet;
  delete shared->main;
}

}  // namespace

TEST_CASE("C++ domains in a C tealet are closed when it ends") {
  CDomain c;
  SUBCASE("by returning") {
    c.run([](tealet_t* current, void*) {
      leave_a_domain_open();
      return current->main;
    });
  }
  SUBCASE("by an exit") {
    c.run([](tealet_t* current, void*) -> tealet_t* {
      leave_a_domain_open();
      tealet_exit(current->main, nullptr, TEALET_EXIT_DELETE);
      return nullptr;
    });
  }
  SUBCASE("by an exit that was deferred") {
    c.run([](tealet_t* current, void*) -> tealet_t* {
      leave_a_domain_open();
      CHECK(tealet_exit(current->main, nullptr, TEALET_EXIT_DEFER) == 0);
      CHECK(shared->log.empty());
      return nullptr;
    });
  }
  SUBCASE("by an exit to a defunct tealet, which leads to main") {
    shared->c_tealet = tealet_new(c.main());
    CHECK(tealet_run(
              shared->c_tealet,
              [](tealet_t* current, void* arg) {
                dry = true;
                tealet_switch(current->main, &arg, TEALET_XFER_FORCE);
                return current->main;
              },
              nullptr, nullptr, TEALET_START_SWITCH) == 0);
    dry = false;
    CHECK(tealet_status(shared->c_tealet) == TEALET_STATUS_DEFUNCT);
    tealet_t* host = tealet_new(c.main());
    CHECK(tealet_run(
              host,
              [](tealet_t*, void*) -> tealet_t* {
                leave_a_domain_open();
                tealet_exit(shared->c_tealet, nullptr, TEALET_XFER_NOFAIL);
                return nullptr;
              },
              nullptr, nullptr, TEALET_START_SWITCH) == TEALET_ERR_PANIC);
  }
  SUBCASE("but not by one that fails for lack of memory") {
    // `next` begins on top of this tealet, which has to be saved then.
    c.run([](tealet_t* current, void*) {
      tealet_t* next = tealet_new(current);
      tealet_run(
          next,
          [](tealet_t* ended, void*) {
            leave_a_domain_open();
            dry = true;
            CHECK(tealet_exit(ended->main, nullptr, TEALET_XFER_DEFAULT) == TEALET_ERR_MEM);
            dry = false;
            CHECK(shared->log.empty());
            shared->tealet->switch_to();
            CHECK(shared->tealet->status() == Status::Exited);
            return ended->main;
          },
          nullptr, nullptr, TEALET_START_SWITCH);
      return current->main;
    });
  }
  SUBCASE("but not by one that is refused") {
    c.run([](tealet_t* current, void*) {
      leave_a_domain_open();
      shared->c_tealet = tealet_new(current);
      CHECK(tealet_exit(shared->c_tealet, nullptr, TEALET_XFER_NOFAIL) == TEALET_ERR_INVAL);
      CHECK(shared->log.empty());
      shared->tealet->switch_to();
      CHECK(shared->tealet->status() == Status::Exited);
      CHECK(shared->log == "unwound ");
      return current->main;
    });
  }
  CHECK(c->log == "unwound ");
  free_what_was_left();
}

namespace {

int held = 0;

// Destructors of the closed domain use the domain that closes it.
tealet_t* leave_one_that_makes_tealets(tealet_t* current, void* arg) {
  struct MakesOne {
    ~MakesOne() {
      CHECK(held == 0);
      tealet_delete(tealet_new(shared->c_main));
    }
  };
  shared->main = new Main;
  shared->tealet = new Tealet(shared->main->create([] {
    const MakesOne makes_one;
    shared->main->switch_to();
  }));
  shared->tealet->switch_to();
  if (arg != nullptr) tealet_exit(current->main, nullptr, TEALET_XFER_DEFAULT);
  return current->main;
}

}  // namespace

TEST_CASE("the lock is not held while C++ domains are closed") {
  CDomain c;
  tealet_lock_t lock{TEALET_LOCK_AUTO, nullptr, nullptr, nullptr};
  lock.lock = [](void*) { CHECK(held++ == 0); };
  lock.unlock = [](void*) { CHECK(--held == 0); };
  CHECK(tealet_configure_set_locking(c.main(), &lock) == 0);
  for (void* arg : {token(0), token(1)}) {
    tealet_t* host = tealet_new(c.main());
    CHECK(tealet_run(host, leave_one_that_makes_tealets, &arg, nullptr, TEALET_START_SWITCH) == 0);
    free_what_was_left();
    tealet_delete(host);
  }
  CHECK(held == 0);
}

TEST_CASE("a fork made while an exception is handled handles it too") {
  CDomain c;
  tealet_t* one = c.run([](tealet_t* current, void*) {
    try {
      throw std::runtime_error("handled ");
    } catch (const std::runtime_error& error) {
      shared->c_tealet = tealet_new(current);
      CHECK(tealet_fork(shared->c_tealet, nullptr, TEALET_START_DEFAULT) == 0);
      CHECK(std::current_exception() != nullptr);
      shared->log += error.what();
      // Both share one exception object, so the copy leaves it to the original.
      if (tealet_current(current) != current) {
        tealet_exit(shared->c_main, nullptr, TEALET_XFER_DEFAULT);
      }
      tealet_switch(shared->c_main, nullptr, TEALET_XFER_DEFAULT);
    }
    return shared->c_main;
  });
  CHECK(std::current_exception() == nullptr);
  CHECK(tealet_switch(c->c_tealet, nullptr, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_status(c->c_tealet) == TEALET_STATUS_EXITED);
  CHECK(tealet_switch(one, nullptr, TEALET_XFER_DEFAULT) == 0);
  CHECK(c->log == "handled handled ");
}

TEST_CASE("C++ exceptions in a C tealet are its own") {
  CDomain c;
  auto thrower = [](tealet_t* current, void* arg) {
    try {
      try {
        throw std::runtime_error(arg != nullptr ? "one" : "other");
      } catch (const std::runtime_error&) {
        tealet_switch(current->main, nullptr, TEALET_XFER_DEFAULT);  // in the middle of a handler
        throw;
      }
    } catch (const std::exception& error) {
      shared->log += error.what();
      shared->log += ' ';
    }
    CHECK(std::uncaught_exceptions() == 0);
    CHECK(std::current_exception() == nullptr);
    return current->main;
  };
  void* arg = token(1);
  tealet_t* one = tealet_new(c.main());
  CHECK(tealet_run(one, thrower, &arg, nullptr, TEALET_START_SWITCH) == 0);
  CHECK(std::current_exception() == nullptr);
  tealet_t* other = c.run(thrower);
  CHECK(tealet_switch(one, nullptr, TEALET_XFER_DEFAULT) == 0);
  CHECK(tealet_switch(other, nullptr, TEALET_XFER_DEFAULT) == 0);
  CHECK(c->log == "one other ");
}
