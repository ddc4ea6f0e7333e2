// The switch core's contract, by itself and under the engine.
#include <tealet/detail/switch_result.h>

#include <cfenv>
#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "helpers.hpp"
#include "switch/switch.h"

using namespace tealet_tests;

extern "C" {
unsigned long registers_kept(decltype(&tealetpp_switch) to_switch, tealetpp_save_fn save,
                             tealetpp_restore_fn restore, void* context);
tealetpp_switch_result spoil_registers(void* context);
}

namespace {

struct Calls {
  char* near = nullptr;
  char* restore_frame = nullptr;
  int saves = 0;
};

void* stay(void* context, void* near) {
  auto& calls = *static_cast<Calls*>(context);
  calls.near = static_cast<char*>(near);
  calls.saves += 1;
  return near;
}

tealetpp_switch_result note_frame(void* context) {
  static_cast<Calls*>(context)->restore_frame = static_cast<char*>(__builtin_frame_address(0));
  return {-3, context};
}

}  // namespace

TEST_CASE("the switch core calls save and restore once each, and returns restore's result") {
  for (auto* to_switch : {tealetpp_switch, tealetpp_switch_by_jump}) {
    Calls calls;
    const tealetpp_switch_result switch_result = to_switch(stay, note_frame, &calls);
    CHECK(switch_result.what == -3);
    CHECK(switch_result.value == &calls);
    CHECK(calls.saves == 1);
    CHECK(reinterpret_cast<std::uintptr_t>(calls.near) % 16 == 0);
    CHECK(calls.near < static_cast<char*>(__builtin_frame_address(0)));
    CHECK(calls.restore_frame < calls.near);
  }
}

TEST_CASE(
    "the switch core keeps every callee-saved register and the floating point control words") {
  for (auto* to_switch : {tealetpp_switch, tealetpp_switch_by_jump}) {
    Calls calls;
    CHECK(registers_kept(to_switch, stay, spoil_registers, &calls) == 0);
    CHECK(std::fegetround() == FE_TONEAREST);
  }
}

TEST_CASE("each tealet has its own rounding mode, and a new one begins with its starter's") {
  Main main;
  const std::vector<int> modes = {FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO, FE_TONEAREST};
  std::vector<Tealet> tealets;
  for (int mode : modes) {
    tealets.push_back(main.create([&, mode] {
      CHECK(std::fegetround() == FE_TONEAREST);
      std::fesetround(mode);
      volatile double one = 1.0, ten = 10.0;
      const double tenth = one / ten;
      for (;;) {
        main.switch_to();
        if (std::fegetround() != mode || tenth != one / ten) break;
      }
    }));
    tealets.back().switch_to();
    CHECK(std::fegetround() == FE_TONEAREST);
  }
  for (int round = 0; round < 3; ++round) {
    for (Tealet& tealet : tealets) {
      tealet.switch_to();
      CHECK(tealet);
      CHECK(std::fegetround() == FE_TONEAREST);
    }
  }
  std::fesetround(FE_UPWARD);
  main.create([] { CHECK(std::fegetround() == FE_UPWARD); }).switch_to();
  Tealet stub = main.stub();
  std::fesetround(FE_TONEAREST);
  CHECK(std::fegetround() == FE_TONEAREST);
}

#if defined(__x86_64__)

namespace {

std::uint16_t x87_control() {
  std::uint16_t word = 0;
  __asm__ volatile("fnstcw %0" : "=m"(word));
  return word;
}
void set_x87_control(std::uint16_t word) { __asm__ volatile("fldcw %0" : : "m"(word)); }

}  // namespace

TEST_CASE("each of the two control words is switched if only it differs") {
  // Rounding towards zero: valgrind supports nothing else in these words.
  constexpr unsigned int mxcsr_bits = 0x6000;
  constexpr std::uint16_t x87_bits = 0x0c00;
  Main main;
  const unsigned int mxcsr = _mm_getcsr();
  const std::uint16_t x87 = x87_control();
  Tealet of_mxcsr = main.create([&] {
    _mm_setcsr(_mm_getcsr() | mxcsr_bits);
    for (int i = 0; i < 3; ++i) {
      main.switch_to();
      CHECK((_mm_getcsr() & mxcsr_bits) != 0);
      CHECK(x87_control() == x87);
    }
  });
  Tealet of_x87 = main.create([&] {
    set_x87_control(static_cast<std::uint16_t>(x87 | x87_bits));
    for (int i = 0; i < 3; ++i) {
      main.switch_to();
      CHECK((_mm_getcsr() & mxcsr_bits) == 0);
      CHECK(x87_control() == (x87 | x87_bits));
    }
  });
  for (int i = 0; i < 4; ++i) {
    for (Tealet* tealet : {&of_mxcsr, &of_x87}) {
      tealet->switch_to();
      CHECK((_mm_getcsr() & mxcsr_bits) == (mxcsr & mxcsr_bits));
      CHECK(x87_control() == x87);
    }
  }
  CHECK_FALSE(of_mxcsr);
  CHECK_FALSE(of_x87);
}

#endif

TEST_CASE("variables in registers survive") {
  Main main;
  Tealet spoiler = main.create([&] {
    for (;;) {
      long values[8];
      for (long i = 0; i < 8; ++i) values[i] = i * 7919;
      main.switch_to();
      for (long i = 0; i < 8; ++i) CHECK(values[i] == i * 7919);
    }
  });
  auto compute = [](auto&& meanwhile) {
    long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
    double x = 0.5, y = 0.25, z = 0.125;
    for (int i = 0; i < 100; ++i) {
      a += b, b += c, c += d, d += e, e += f, f += 1;
      x += y, y += z, z += 1;
      meanwhile();
    }
    return std::vector<double>{static_cast<double>(a + b + c + d + e + f), x, y, z};
  };
  CHECK(compute([&] { spoiler.switch_to(); }) == compute([] {}));
}
