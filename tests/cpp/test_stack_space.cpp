// The C stack when tealets begin on top of each other until it is used up.
#include <pthread.h>
#include <sys/resource.h>

#include <vector>

#include "helpers.hpp"
#include "port/stack_memory.hpp"
#include "port/thread_stack.hpp"

using namespace tealet_tests;
using tealet::Errc;

namespace {

struct Tower {
  std::vector<Tealet> floors;
  Errc code = Errc::ok;
  Errc stub_code = Errc::ok;
};

// A frame or two below the caller, so that the last bytes of stack space do not decide.
[[gnu::noinline]] void stub_below(Main& main) {
  Pattern<4096> pattern(1);
  main.stub();
  if (!pattern.intact()) ++damaged;
}

void build(Main& main, Tower& tower) {
  Pattern<512> pattern(static_cast<unsigned>(tower.floors.size()));
  const std::size_t mine = tower.floors.size();
  tower.floors.push_back(main.create([&] { build(main, tower); }));
  try {
    tower.floors[mine].switch_to();
  } catch (const tealet::Error& error) {
    tower.code = error.code();
    CHECK(tower.floors[mine].status() == Status::New);
    CHECK(main.stats().stack_bytes == 0);
    try {
      stub_below(main);
    } catch (const tealet::Error& stub_error) {
      tower.stub_code = stub_error.code();
    }
  }
  if (!pattern.intact()) ++damaged;
}

void exhaust() {
  damaged = 0;
  Main main;
  Tower tower;
  tower.floors.reserve(1 << 16);  // on the heap from the start: owners must not move
  build(main, tower);
  CHECK(tower.code == Errc::stack_exhausted);
  CHECK(tower.stub_code == Errc::stack_exhausted);
  CHECK(tower.floors.size() > 10);
  CHECK(consistent(main));
  tower.floors.clear();
  CHECK(main.stats().n_active == (counting ? 1 : 0));
  // There is stack space again.
  CHECK(main.create([]() -> void* { return token(1); }).switch_to() == token(1));
  CHECK(damaged == 0);
}

// Sets a limit of this process for as long as it lives.
class Limit {
 public:
  Limit(decltype(RLIMIT_STACK) resource, rlim_t limit) : resource_(resource) {
    REQUIRE(getrlimit(resource, &before_) == 0);
    const rlimit changed{limit, before_.rlim_max};
    REQUIRE(setrlimit(resource, &changed) == 0);
  }
  ~Limit() { setrlimit(resource_, &before_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  decltype(RLIMIT_STACK) resource_;
  rlimit before_{};
};

}  // namespace

TEST_CASE(
    "[misuse-stack] tealets on top of each other until the stack is used up, on a thread with a "
    "small "
    "stack") {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  // Small, plus the thread's own variables: under ThreadSanitizer nearly 1 MiB.
  constexpr std::size_t size = 512 * 1024 + (TEALETPP_TSAN ? 1024 * 1024 : 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, size) == 0);
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, &attributes,
              [](void*) -> void* {
                exhaust();
                return nullptr;
              },
              nullptr) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

TEST_CASE(
    "[misuse-stack] tealets on top of each other until the stack is used up, on the first thread") {
  exhaust();
}

TEST_CASE("the bounds of a thread's stack are asked for once") {
  const auto known = tealet::port::usable_stack_of_this_thread();
  REQUIRE(known.size != 0);
  const Limit no_files(RLIMIT_NOFILE, 0);  // the C library would read one, on the first thread
  CHECK(tealet::port::usable_stack_of_this_thread().size == known.size);
}

TEST_CASE("the stack of the first thread ends where its limit is now") {
  const auto known = tealet::port::usable_stack_of_this_thread();
  constexpr std::size_t less = 256 * 1024;
  const Limit lower(RLIMIT_STACK, known.size - less);
  rlimit now{};
  REQUIRE(getrlimit(RLIMIT_STACK, &now) == 0);
  if (now.rlim_cur != known.size - less) return;  // an emulator may ignore it
  const auto shrunk = tealet::port::usable_stack_of_this_thread();
  CHECK(shrunk.low >= known.low + less);
  CHECK(shrunk.size <= known.size - less);
}
