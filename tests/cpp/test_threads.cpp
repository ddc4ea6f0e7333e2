// Many domains on many threads at once, of both APIs and nested: they share an upstream, and hand
// work to each other from within tealets. What ThreadSanitizer is to look at.
#include <tealet/tealet.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory_resource>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "helpers.hpp"

using namespace tealet_tests;

namespace {

constexpr int thread_count = 12;
constexpr int rounds = 6;
constexpr int tealets_each = 8;
constexpr int steps = 10;

std::atomic<int> wrong{0};

// Checks on several threads, in frames that may be unwound.
void check(bool holds) noexcept {
  if (!holds) ++wrong;
}

// Numbers that threads pass to each other.
class Mailbox {
 public:
  void put(int number) {
    const std::scoped_lock lock(mutex_);
    numbers_.push_back(number);
    arrived_.notify_one();
  }
  int take() {
    std::unique_lock<std::mutex> lock(mutex_);
    arrived_.wait(lock, [this] { return !numbers_.empty(); });
    const int number = numbers_.front();
    numbers_.pop_front();
    return number;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<int> numbers_;
};

struct Shared {
  std::pmr::synchronized_pool_resource memory;
  Mailbox mailboxes[thread_count];
  std::atomic<long> sum{0};
};

// Deep enough for several chunks, with a checked variable at each level.
int sum_below(Main& main, Shared& shared, int self, int depth) {
  volatile int mine = self * 100 + depth;
  int sum = 0;
  if (depth > 0) {
    sum = sum_below(main, shared, self, depth - 1);
  } else {
    shared.mailboxes[(self + 1) % thread_count].put(self);
    main.switch_to();
    sum = shared.mailboxes[self].take();
  }
  main.switch_to();
  check(mine == self * 100 + depth);
  return sum;
}

tealet_t* counts(tealet_t* current, void* arg) {
  for (int i = 0; i < steps; ++i) {
    arg = token(number(arg) + 1);
    tealet_switch(current->main, &arg, TEALET_XFER_DEFAULT);
  }
  return current->main;
}

// A domain of the C API, opened where this is called.
void use_c_domain() {
  tealet_t* const main = tealet_initialize(nullptr, 0);
  tealet_t* const one = tealet_new(main);
  void* arg = nullptr;
  check(tealet_run(one, counts, &arg, nullptr, TEALET_START_SWITCH) == 0);
  tealet_t* const paused = tealet_new(main);
  check(tealet_run(paused, counts, nullptr, nullptr, TEALET_START_DEFAULT) == 0);
  for (int i = 1; i < steps; ++i) {
    check(tealet_switch(one, &arg, TEALET_XFER_DEFAULT) == 0 && number(arg) == i + 1);
    tealet_t* const twin = tealet_duplicate(paused);
    check(tealet_switch(twin, nullptr, TEALET_XFER_DEFAULT) == 0);
    tealet_delete(twin);
  }
  tealet_finalize(main);
}

void work_in(Main& main, Shared& shared, int self) {
  std::vector<Tealet> tealets;
  tealets.reserve(tealets_each);
  for (int i = 0; i < tealets_each; ++i) {
    tealets.push_back(main.create([&main, &shared, self, i]() -> void* {
      if (i == 2) use_c_domain();
      if (i == 3) throw std::runtime_error("as intended");
      return token(sum_below(main, shared, self, i));
    }));
  }
  // The last one stays paused, and is unwound in the end.
  for (bool any = true; any;) {
    any = false;
    for (int i = 0; i + 1 < tealets_each; ++i) {
      if (tealets[static_cast<std::size_t>(i)].status() == Status::Exited) continue;
      any = true;
      try {
        void* const result = tealets[static_cast<std::size_t>(i)].switch_to();
        shared.sum += number(result);
      } catch (const std::runtime_error&) {
        check(i == 3);
      }
    }
  }
  tealets.back().switch_to();
  shared.mailboxes[self].take();
  const Stats stats = main.stats();
  check(!counting || stats.stack_bytes > 0);
}

void work(Shared& shared, int self) {
  for (int round = 0; round < rounds; ++round) {
    Main::Options options;
    options.upstream = &shared.memory;
    Main main(options);
    // In the main tealet, and in one of another domain.
    if (round % 2 == 0) {
      work_in(main, shared, self);
    } else {
      main.create([&options, &shared, self] {
            Main inner(options);
            work_in(inner, shared, self);
          })
          .switch_to();
    }
    use_c_domain();
  }
}

tealet_t* ends_at_once(tealet_t* current, void*) { return current->main; }

}  // namespace

TEST_CASE("a thread may begin and end any number of tealets") {
  // More than a tool that counts function entries and exits can leave open.
  tealet_t* const main = tealet_initialize(nullptr, 0);
  for (int i = 0; i < 40000; ++i) {
    tealet_t* const tealet = tealet_new(main);
    if (tealet_run(tealet, ends_at_once, nullptr, nullptr, TEALET_START_SWITCH) != 0) ++damaged;
    tealet_delete(tealet);
  }
  tealet_finalize(main);
  CHECK(damaged == 0);
}

TEST_CASE("many domains on many threads share only their upstream") {
  wrong = 0;
  Shared shared;
  std::vector<std::thread> threads;
  threads.reserve(thread_count);
  for (int i = 0; i < thread_count; ++i) {
    threads.emplace_back([&shared, i] { work(shared, i); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  long expected = 0;
  for (int i = 0; i < thread_count; ++i) expected += i;
  // All but the tealet that throws, and the one that is unwound.
  CHECK(shared.sum == expected * rounds * (tealets_each - 2));
}
