// A tealet that pauses in the middle of a loop, and what it costs.
#include <tealet/tealet.hpp>

#include <iostream>

int main() {
  tealet::Main main;
  int n = 3;
  tealet::Tealet countdown = main.create([&] {
    for (; n > 0; --n) main.switch_to();  // pause here, go back to main
  });

  while (countdown.switch_to(), countdown) std::cout << n << ' ';
  std::cout << "liftoff\n";

  tealet::Stats stats = main.stats();
  std::cout << stats.n_total << " tealets, at most " << stats.bytes_allocated_peak << " bytes\n";
}
