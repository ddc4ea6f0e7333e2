// Switches there and back as many times as it is told.
#include <tealet/tealet.hpp>

#include <cstdlib>

int main(int, char** arguments) {
  const long rounds = std::atol(arguments[1]);
  tealet::Main main;
  const tealet::Tealet tealet = main.create([&] {
    for (;;) main.switch_to();
  });
  for (long i = 0; i < rounds; ++i) tealet.switch_to();
}
