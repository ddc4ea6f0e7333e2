// Does each thing as many times as it is told: workload SWITCHES SPAWNS STATS
//
// A switch is one there and one back; a spawn creates a tealet, runs a function in it, and ends.
#include <tealet/tealet.hpp>

#include <cstdlib>

int main(int, char** arguments) {
  const long switches = std::atol(arguments[1]);
  const long spawns = std::atol(arguments[2]);
  const long stats = std::atol(arguments[3]);
  tealet::Main main;
  const tealet::Tealet tealet = main.create([&] {
    for (;;) main.switch_to();
  });
  tealet.switch_to();
  for (long i = 0; i < switches; ++i) tealet.switch_to();
  for (long i = 0; i < spawns; ++i) main.create([] {}).switch_to();
  for (long i = 0; i < stats; ++i) static_cast<void>(main.stats());
}
