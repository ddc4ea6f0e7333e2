// A C++ application: walks a tree by recursion in a tealet, unwinds a paused tealet, and catches
// the library's exceptions.
#include <tealet/tealet.hpp>

#include <cstddef>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "cpp_application: check failed: " << what << '\n';
  failures += 1;
}

template <class Error, class F>
void check_throws(F function, const char* what) {
  bool thrown = false;
  try {
    function();
  } catch (const Error&) {
    thrown = true;
  }
  check(thrown, what);
}

// Passes main the numbers of the leaves of a tree, from left to right. `number` is in main's
// frame: main must not read this tealet's stack.
void walk(tealet::Main& main, int& number, int depth) {
  if (depth == 0) {
    main.switch_to(&number);
    number += 1;
    return;
  }
  walk(main, number, depth - 1);
  walk(main, number, depth - 1);
}

int sum_of_leaves(tealet::Main& main) {
  int number = 0;
  tealet::Tealet walker = main.create([&] { walk(main, number, 4); });
  int sum = 0;
  while (void* leaf = walker.switch_to()) sum += *static_cast<int*>(leaf);
  check(walker.status() == tealet::Status::Exited, "the walk has ended");
  return sum;
}

void check_costs(const tealet::Main& main, const tealet::Tealet& paused) {
  const tealet::TealetStats stats = paused.stats();
  const tealet::Survey survey = main.survey();
  if (!stats.enabled) return;
  check(stats.saved_bytes == paused.saved_bytes(), "the statistics of a tealet have its stack");
  check(survey.count == 1 && survey.largest.at(0) == paused, "a survey lists the tealet");
  check(survey.cost.total + survey.domain_bytes == main.stats().bytes_allocated,
        "costs add up to the bytes allocated");
}

struct Guard {
  explicit Guard(int& open) : open(open) { open += 1; }
  ~Guard() { open -= 1; }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  int& open;
};

void check_unwinding(tealet::Main& main) {
  int open = 0;
  {
    tealet::Tealet holder = main.create([&] {
      const Guard guard(open);
      main.switch_to();
    });
    holder.switch_to();
    check_costs(main, holder);
    check(open == 1, "the tealet is paused inside the guard's block");
  }
  check(open == 0, "destroying a paused tealet runs its destructors");
}

void check_errors(tealet::Main& main) {
  tealet::Tealet thrower = main.create([] { throw std::runtime_error("out of a tealet"); });
  check_throws<std::runtime_error>([&] { thrower.switch_to(); },
                                   "an exception arrives in the parent");
  check_throws<tealet::InvalidError>([&] { thrower.switch_to(); },
                                     "a tealet that has ended is refused");
  check_throws<tealet::Error>([&] { thrower.switch_to(); }, "InvalidError is an Error");

  tealet::Main::Options options;
  options.memory_limit = 1;
  check_throws<tealet::MemoryError>([&] { const tealet::Main none(options); },
                                    "the memory limit is kept");
  check_throws<std::bad_alloc>([&] { const tealet::Main none(options); },
                               "MemoryError is a bad_alloc");
}

}  // namespace

int main() {
  tealet::Main main;
  const int sum = sum_of_leaves(main);
  check(sum == 120, "0 + 1 + ... + 15 is 120");
  check_unwinding(main);
  check_errors(main);

  const tealet::Stats stats = main.stats();
  check(!stats.enabled || (stats.n_active == 1 && stats.n_total == 4), "three tealets have ended");
  check(stats.stack_bytes == 0, "nothing is saved in the end");
  if (failures != 0) return 1;
  std::cout << "cpp_application: sum " << sum << ", " << stats.stack_bytes << " bytes saved\n";
}
