// What each of a hundred paused tealets costs: a survey of all, and the statistics of the largest.
#include <tealet/tealet.hpp>

#include <iostream>
#include <vector>

namespace {

int descend(tealet::Main& main, int depth);
// Through a volatile pointer, so that the compiler cannot inline the calls.
int (*volatile deeper)(tealet::Main& main, int depth) = descend;

// Pauses `depth` calls down.
int descend(tealet::Main& main, int depth) {
  if (depth == 0) {
    main.switch_to();
    return 0;
  }
  return deeper(main, depth - 1) + 1;  // not a tail call
}

}  // namespace

int main() {
  tealet::Main::Options options;
  options.track = true;  // records how often each tealet is switched to
  tealet::Main main(options);
  std::vector<tealet::Tealet> tealets;
  for (int depth = 0; depth < 100; ++depth) {
    tealets.push_back(main.create([&main, depth] { deeper(main, depth); }));
    tealets.back().switch_to();
  }

  const tealet::Survey survey = main.survey(3);
  if (!survey.enabled) {
    std::cout << "Statistics not enabled (compiled with TEALET_WITH_STATS=0)\n";
    return 0;
  }
  std::cout << survey.count << " tealets, bytes of one: median " << survey.cost.median
            << ", 99 of 100 at most " << survey.cost.percentile_99 << ", maximum "
            << survey.cost.maximum << '\n';
  std::cout << "bytes of all: " << survey.cost.total << "; fixed stacks would have touched "
            << survey.touched_stack_bytes << '\n';
  for (const tealet::TealetRef& tealet : survey.largest) {
    const tealet::TealetStats stats = tealet.stats();
    std::cout << "one of the largest: " << stats.bytes_alone << " bytes, depth " << stats.extent
              << ", switches " << stats.switches << '\n';
  }
}
