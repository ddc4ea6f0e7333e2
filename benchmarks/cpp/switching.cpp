// How long does it take to switch to a coroutine and back? Boost's fibers have a stack each and
// copy nothing; tealets share one, and each switch copies what the paused one had there. So,
// besides: what does a byte more on that stack cost, and what does it take just to copy it there
// and back?
#include <tealet/tealet.hpp>

#include <alloca.h>
#include <benchmark/benchmark.h>

#include <boost/context/fiber.hpp>
#include <boost/version.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

namespace {

// What was compared is written beside the figures.
const bool boost_version_is_written = [] {
  benchmark::AddCustomContext("boost", BOOST_LIB_VERSION);
  return true;
}();

// Without arguments the stack is as shallow as can be.
void tealet_there_and_back(benchmark::State& state) {
  tealet::Main main;
  const tealet::Tealet tealet = main.create([&] {
    for (;;) main.switch_to();
  });
  for ([[maybe_unused]] auto _ : state) tealet.switch_to();
  state.counters["saved_bytes"] = static_cast<double>(tealet.saved_bytes());
}
BENCHMARK(tealet_there_and_back);

void tealet_with_more_on_its_stack(benchmark::State& state) {
  const auto more = static_cast<std::size_t>(state.range(0));
  tealet::Main main;
  const tealet::Tealet tealet = main.create([&main, more] {
    void* bytes = alloca(more);
    benchmark::DoNotOptimize(bytes);
    std::memset(bytes, 1, more);
    for (;;) main.switch_to();
  });
  for ([[maybe_unused]] auto _ : state) tealet.switch_to();
  state.counters["saved_bytes"] = static_cast<double>(tealet.saved_bytes());
}
BENCHMARK(tealet_with_more_on_its_stack)->RangeMultiplier(4)->Range(1 << 10, 1 << 16);

// From the stack to the heap, as a save does, and back, as a restore does.
void two_memcpys(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  void* stack = alloca(size);
  const auto heap = std::make_unique<char[]>(size);
  std::memset(stack, 1, size);
  for ([[maybe_unused]] auto _ : state) {
    std::memcpy(heap.get(), stack, size);
    benchmark::ClobberMemory();
    benchmark::DoNotOptimize(stack);
    std::memcpy(stack, heap.get(), size);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(two_memcpys)->RangeMultiplier(4)->Range(1 << 10, 1 << 16);

void fiber_there_and_back(benchmark::State& state) {
  using boost::context::fiber;
  bool done = false;
  fiber other([&](fiber&& back) {
    while (!done) back = std::move(back).resume();
    return std::move(back);
  });
  for ([[maybe_unused]] auto _ : state) other = std::move(other).resume();
  done = true;
  other = std::move(other).resume();
}
BENCHMARK(fiber_there_and_back);

}  // namespace
