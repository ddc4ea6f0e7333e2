// Parks as many coroutines as it is told, in a function that does nothing but pause. Whoever
// started it looks at its memory when it says "ready", and again when it has said how many bytes
// they saved:
//
//   benchmark_parking tealets 1000000
//   benchmark_parking fibers 1000
#include <tealet/tealet.hpp>

#include <boost/context/fiber.hpp>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

void wait() {
  std::string line;
  std::getline(std::cin, line);
}

void begin() {
  std::cout << "ready" << '\n' << std::flush;
  wait();
}

void end(std::size_t saved_bytes) {
  std::cout << saved_bytes << '\n' << std::flush;
  wait();
}

void park_tealets(std::size_t count) {
  tealet::Main main;
  std::vector<tealet::Tealet> parked(count);  // its memory is there before
  begin();
  for (tealet::Tealet& one : parked) {
    one = main.create([&main] { main.switch_to(); });
    one.switch_to();
  }
  end(main.stats().stack_bytes);
}

void park_fibers(std::size_t count) {
  using boost::context::fiber;
  std::vector<fiber> parked(count);
  begin();
  for (fiber& one : parked) {
    one = fiber([](fiber&& back) { return std::move(back).resume(); });
    one = std::move(one).resume();
  }
  end(0);
}

}  // namespace

int main(int, char** arguments) {
  const std::size_t count = std::strtoul(arguments[2], nullptr, 10);
  if (std::string_view(arguments[1]) == "tealets") {
    park_tealets(count);
  } else {
    park_fibers(count);
  }
  return 0;
}
