// Each class of checks fails on a fault that is made on purpose, in a process of its own.
#include <tealet/cxx/config.hpp>

#if TEALET_CHECKS

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "bare_domain.hpp"

using namespace tealet_tests;
using tealet::CountingAllocator;
using tealet::Status;
using tealet::core::Domain;
using tealet::core::DomainMemory;
using tealet::core::Node;
using tealet::core::Stack;

namespace {

// The stderr of a process that does `fault` and aborts. "" if it ends otherwise.
template <class Fault>
std::string last_words(Fault fault) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  std::fflush(nullptr);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // The default handler: doctest and the sanitizers have their own.
    std::signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    fault();
    _exit(0);
  }
  close(ends[1]);
  std::string words;
  char buffer[256];
  for (ssize_t count = 0; (count = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    words.append(buffer, static_cast<std::size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? words : "";
}

template <class Fault>
bool fails_check(const char* condition, Fault fault) {
  const std::string words = last_words(fault);
  INFO(words);
  const std::string expected = std::string("tealet: check failed: ") + condition;
  CHECK(words.find(expected) == 0);
  return words.find(expected) == 0;
}

// A domain with a paused tealet, a stub with a twin, and one that has not begun.
struct Populated : BareDomain {
  Script go_back = [this] { go(main()); };
  Node& paused = tealet(go_back);
  Node& fresh = tealet(go_back);
  Node* stub = nullptr;
  Node* twin = nullptr;

  Populated() {
    go(paused);
    REQUIRE(create_stub(sizeof(const Script*), stub) == tealet::Errc::ok);
    twin = duplicate(*stub);
    REQUIRE(twin != nullptr);
    verify();
  }
  tealet::core::Totals& totals() { return static_cast<DomainMemory&>(memory()).totals; }
};

}  // namespace

TEST_CASE("checks: the status of nodes that are handed to the engine") {
  Populated domain;
  SUBCASE("to switch to the running one") {
    CHECK(fails_check("target.domain() == this && &target != current_",
                      [&] { domain.switch_to(domain.main(), {}); }));
  }
  SUBCASE("to switch to one of another domain") {
    BareDomain other;
    Node& foreign = other.tealet(domain.go_back);
    CHECK(fails_check("target.domain() == this", [&] { domain.switch_to(foreign, {}); }));
  }
  SUBCASE("to switch to one that has ended") {
    CHECK(fails_check("target.status == Status::New", [&] {
      domain.paused.status = Status::Exited;
      domain.switch_to(domain.paused, {});
    }));
  }
  SUBCASE("to start one that has begun") {
    CHECK(fails_check("fresh.far == nullptr", [&] { domain.start(domain.paused, {}, nullptr); }));
  }
  SUBCASE("to capture one that has begun") {
    CHECK(fails_check("fresh.status == Status::New", [&] { domain.capture(domain.paused); }));
  }
  SUBCASE("to fork main without a far end") {
    CHECK(fails_check("current_->far != unbounded", [&] { domain.fork(domain.fresh, true); }));
  }
  SUBCASE("to fork into one that has begun") {
    CHECK(fails_check("copy.domain() == this && copy.status == Status::New",
                      [&] { domain.fork(domain.paused, true); }));
  }
  SUBCASE("to exit from main") {
    CHECK(fails_check("leaving == Leaving::pause || !current_->is_main()",
                      [&] { domain.exit_to(domain.paused, {}, false, false); }));
  }
  SUBCASE("to unwind one that is not paused") {
    CHECK(fails_check("node.status == Status::Suspended", [&] { domain.unwind(domain.fresh); }));
  }
  SUBCASE("to duplicate main") {
    CHECK(fails_check("original.domain() == this && !original.is_main()",
                      [&] { domain.duplicate(domain.main()); }));
  }
  SUBCASE("to discard main") {
    CHECK(fails_check("node.domain() == this && !node.is_main()",
                      [&] { domain.discard(domain.main()); }));
  }
  SUBCASE("to open an open domain") {
    CHECK(fails_check("!is_open()", [&] { domain.open(0); }));
  }
  SUBCASE("to close a closed one") {
    CHECK(fails_check("is_open()", [&] {
      domain.Domain::close();
      domain.Domain::close();
    }));
  }
}

TEST_CASE("checks: inconsistent statuses that verify() finds") {
  Populated domain;
  SUBCASE("paused without a stack") {
    CHECK(fails_check("node.far != nullptr && node.stack != nullptr", [&] {
      domain.fresh.status = Status::Suspended;
      domain.verify();
    }));
  }
  SUBCASE("running and not the current one") {
    CHECK(fails_check("is_current", [&] {
      domain.paused.status = Status::Running;
      domain.verify();
    }));
  }
  SUBCASE("current and not running") {
    CHECK(fails_check("!is_current || node.status == Status::Running", [&] {
      domain.main().status = Status::Exited;
      domain.verify();
    }));
  }
  SUBCASE("defunct, with a stack that is not") {
    CHECK(fails_check("node.stack == nullptr || node.stack->defunct()", [&] {
      domain.paused.status = Status::Defunct;
      domain.verify();
    }));
  }
}

TEST_CASE("checks: the links of the tree") {
  Populated domain;
  SUBCASE("a child that names another parent") {
    CHECK(fails_check("child->parent == &node", [&] {
      domain.paused.parent = &domain.fresh;
      domain.verify();
    }));
  }
  SUBCASE("siblings out of order") {
    CHECK(fails_check("(element->*links).previous == previous", [&] {
      domain.paused.siblings.previous = nullptr;
      domain.verify();
    }));
  }
  SUBCASE("a node that its sibling does not know, when it leaves") {
    REQUIRE(domain.fresh.siblings.next != nullptr);
    CHECK(fails_check("own.next == nullptr || (own.next->*links).previous == &element", [&] {
      domain.fresh.siblings.next->siblings.previous = nullptr;
      domain.fresh.detach();
    }));
  }
  SUBCASE("main gets a parent") {
    CHECK(fails_check("!is_main()", [&] { domain.main().reparent(domain.fresh); }));
  }
}

TEST_CASE("checks: saved stacks, their chunks and owners") {
  Populated domain;
  auto& memory = static_cast<DomainMemory&>(domain.memory());
  SUBCASE("an owner that is no node") {
    CHECK(fails_check("stack->owners() == count", [&] {
      domain.stub->stack->share(memory);
      domain.verify();
    }));
  }
  SUBCASE("a node whose far end is not its stack's") {
    CHECK(fails_check("stack.far() == node.far", [&] {
      domain.paused.far -= 16;
      domain.verify();
    }));
  }
  SUBCASE("to take off a chunk that is not there") {
    CHECK(fails_check("further_ != nullptr", [&] { domain.paused.stack->ungrow(memory); }));
  }
  SUBCASE("to grow a complete stack") {
    REQUIRE(domain.paused.stack->complete());
    CHECK(fails_check("!complete()",
                      [&] { domain.paused.stack->grow(memory, domain.paused.far + 16); }));
  }
  SUBCASE("to restore a defunct stack") {
    char place[64] = {};
    Stack* stack = Stack::save(memory, place, place + 64, 16);
    stack->make_defunct(memory);
    CHECK(fails_check("!listed_ && !defunct_", [&] { stack->restore(memory); }));
    stack->undo_defunct(memory);
    stack->release(memory);
  }
}

TEST_CASE("checks: the list of partially saved stacks") {
  Populated domain;
  auto& memory = static_cast<DomainMemory&>(domain.memory());
  auto& area = *domain.main().area;
  char near[128] = {};  // stands for the C stack
  Stack* lower = Stack::save(memory, near, near + 64, 16);
  Stack* upper = Stack::save(memory, near + 64, near + 128, 16);
  SUBCASE("one that is added in the wrong order") {
    area.add(*lower);
    CHECK(fails_check("first_ == nullptr || stack.far_ <= first_->edge()",
                      [&] { area.add(*upper); }));
    area.remove(*lower);
  }
  SUBCASE("one that is added twice") {
    area.add(*lower);
    CHECK(fails_check("!stack.listed_", [&] { area.add(*lower); }));
    area.remove(*lower);
  }
  SUBCASE("one that is not there, when it leaves") {
    area.add(*lower);
    BareDomain other;
    CHECK(fails_check("lists(stack)", [&] { other.main().area->remove(*lower); }));
    area.remove(*lower);
  }
  SUBCASE("more of them than there are") {
    area.add(*lower);
    CHECK(fails_check("count <= most", [&] { area.verify(0); }));
    area.remove(*lower);
  }
  lower->release(memory);
  upper->release(memory);
}

TEST_CASE("checks: blocks that are given back") {
  CountingAllocator memory;
  void* block = memory.try_allocate(64);
  SUBCASE("with another size") {
    CHECK(fails_check("has_this_size", [&] { memory.deallocate(block, 72); }));
  }
  SUBCASE("twice") {
    CHECK(fails_check("is_live", [&] {
      memory.deallocate(block, 64);
      memory.deallocate(block, 64);
    }));
  }
  SUBCASE("of another allocator") {
    int other = 0;
    CHECK(fails_check("is_live", [&] { memory.deallocate(&other, sizeof(other)); }));
  }
  memory.deallocate(block, 64);
}

TEST_CASE("checks: totals against their parts") {
  Populated domain;
  if (!counting) return;
  CHECK(fails_check("add_up", [&] {
    domain.totals().owner_added(8);
    domain.verify();
  }));
}

TEST_CASE("checks: the places of nested domains") {
  Populated outer;
  BareDomain::Script nested = [&] {
    BareDomain inner;
    outer.verify();
    CHECK(fails_check("inner_places_hold()", [&] {
      outer.current().hosts = false;
      outer.verify();
    }));
  };
  outer.go(outer.tealet(nested));
}

#endif  // TEALET_CHECKS
