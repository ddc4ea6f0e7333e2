// Thousands of random operations. After each the figures are compared with a walk.
#include <cstdlib>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "helpers.hpp"

using namespace tealet_tests;

namespace {

// A number of tealets. The one that runs does a random operation.
class Crowd {
 public:
  Crowd(unsigned seed, int operations, std::size_t cache_bytes)
      : random_(seed), left_(operations), main_(over(upstream_)), seats_(24) {
    main_.memory().set_cache_bytes(cache_bytes);
  }

  void live() {
    const Stats start = main_.stats();
    while (left_ > 0) {
      try {
        wander(0);
      } catch (const std::runtime_error&) {  // thrown by whoever ended into main
      }
    }
    for (auto& seat : seats_) seat.reset();
    tealet::core::Domain& domain = domain_of(main_);
    while (!domain.main().children.is_empty()) {
      domain.discard(domain.newest_leaf(domain.main()));
      ++left_behind;
    }
    CHECK(same_now(start, main_.stats()));
    main_.trim();
    CHECK(upstream_.blocks() == 1);
  }

  int mistakes = 0;
  int ended = 0;
  int refusals = 0;
  int left_behind = 0;

 private:
  static constexpr int deepest = 12;

  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  Tealet& seat() {
    auto& seat = seats_[static_cast<std::size_t>(pick(static_cast<int>(seats_.size())))];
    if (!seat) seat = std::make_unique<Tealet>();
    return *seat;
  }

  __attribute__((noinline)) void wander(int depth) {
    Pattern<192> pattern(static_cast<unsigned>(random_()));
    while (left_ > 0) {
      if (!pattern.intact()) ++mistakes;
      const int choice = pick(10);
      if (choice < 2 && depth < deepest) {
        wander(depth + 1);
      } else if (choice < 3 && depth > 0) {
        return;
      } else {
        operate();
        if (!consistent(main_)) ++mistakes;
        if (depth == 0 && pick(8) == 0) return;
      }
    }
    if (main_.current() != main_.self()) main_.switch_to();
  }

  void operate() {
    --left_;
    Tealet& chosen = seat();
    try {
      switch (pick(9)) {
        case 0:
          if (chosen.status() == Status::Exited) chosen = main_.stub();
          break;
        case 1:
          if (chosen.status() == Status::Stub) {
            Tealet& other = seat();
            if (other.status() == Status::Exited) other = chosen.duplicate();
          }
          break;
        case 2:
          chosen.set_parent(pick(4) == 0 ? main_.self() : TealetRef(seat()));
          break;
        case 3:
          if (pick(3) == 0 && chosen != main_.current()) chosen.close();
          break;
        case 4:
          if (pick(4) == 0)
            chosen.throw_into(std::make_exception_ptr(std::runtime_error("random")));
          break;
        case 5:
          main_.switch_to();
          break;
        default:
          go_to(chosen);
      }
    } catch (const tealet::Error& error) {
      refusals += error.code() == tealet::Errc::refused;
    } catch (const std::runtime_error&) {
    }
  }

  void go_to(Tealet& chosen) {
    auto body = [this] {
      wander(1);
      ++ended;
    };
    if (chosen.status() == Status::Exited) chosen = main_.create(body);
    if (chosen.status() == Status::Stub) {
      chosen.run(body);
    } else {
      chosen.switch_to();
    }
  }

  std::mt19937 random_;
  int left_;
  Upstream upstream_;
  Main main_;
  std::vector<std::unique_ptr<Tealet>> seats_;
};

}  // namespace

// TEALETPP_SEEDS=N plays N schedules.
TEST_CASE(
    "[stats-order][stats-walk][cost-sum] figures and stacks stay right through thousands of random "
    "operations") {
  damaged = 0;
  int ended = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread changes the environment.
  const char* const asked_for = std::getenv("TEALETPP_SEEDS");
  const auto seeds = static_cast<unsigned>(asked_for != nullptr ? std::atol(asked_for) : 8);
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    auto crowd = std::make_unique<Crowd>(seed, 5000, seed % 2 == 0 ? 0 : 64 * 1024);
    crowd->live();
    CHECK(crowd->mistakes == 0);
    ended += crowd->ended;
  }
  CHECK(damaged == 0);
  CHECK(ended > 500);
}
