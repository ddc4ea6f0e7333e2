// What the fuzzer knows of its domains and tealets, and what it expects of the next arrival. All of
// it is static: nothing that a switch could move.
#pragma once

#include <tealet/tealet.h>

#include <cstddef>
#include <cstdint>

namespace fuzz {

// Ends the program with a message; never continues with a library that is wrong.
[[noreturn]] void fail(const char* file, int line, const char* what) noexcept;
#define REQUIRE(condition) \
  ((condition) ? static_cast<void>(0) : fuzz::fail(__FILE__, __LINE__, #condition))

// The bytes that choose what happens. Zeros once they are used up.
class Input {
 public:
  void begin(const std::uint8_t* data, std::size_t size) noexcept { data_ = data, left_ = size; }
  bool done() const noexcept { return left_ == 0; }
  unsigned byte() noexcept {
    if (left_ == 0) return 0;
    left_ -= 1;
    return *data_++;
  }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t left_ = 0;
};
extern Input input;

// An allocator that counts what it has given out, and fails when told so.
struct Upstream {
  tealet_alloc_t alloc{};
  std::size_t blocks = 0;
  std::size_t bytes = 0;
  std::size_t failures = 0;  // since the last arrival
  long left = -1;            // how many allocations succeed until then; negative: all
  void begin() noexcept;
  void run_dry_after(long allocations) noexcept { left = allocations; }
  void recover() noexcept { left = -1, failures = 0; }
};
extern Upstream upstream;

enum class State : std::uint8_t { none, fresh, later, stub, paused, running, exited, defunct };

constexpr int none = -1;
constexpr int most_tealets = 28;
constexpr int most_domains = 6;

// Names a tealet or a domain for longer than its place in the model is its own.
struct Name {
  int index = none;
  unsigned id = 0;
};

// tealet_exit() with TEALET_EXIT_DEFER: lies on the stack of the tealet in reality.
struct Deferred {
  Name target;
  void* value = nullptr;
  int flags = 0;
};

// The frames that a tealet has on its stack.
struct Frames {
  unsigned chain = 0;
  int depth = 0;
  char* base = nullptr;  // a variable of the outermost one
};

struct Tealet {
  tealet_t* handle = nullptr;
  State state = State::none;
  unsigned id = 0;
  int domain = none;
  bool main = false;
  bool of_main = false;  // a fork of main, which cannot return
  unsigned origin = 0;
  Frames frames;
  Deferred deferred;
};

struct Domain {
  bool open = false;
  unsigned id = 0;
  int main = none;
  int current = none;
  Name outer;  // the tealet in which it was begun
  bool gone = false;
  bool forkable = false;
  bool watched = false;
  std::size_t made = 0;
  long locked = 0;
};

extern Tealet tealets[most_tealets];
extern Domain domains[most_domains];
extern Frames root;  // those of no tealet: the frames of the fuzzer itself

void begin_model(char* base) noexcept;

inline Tealet& main_of(const Domain& domain) noexcept { return tealets[domain.main]; }
inline Tealet& current_of(const Domain& domain) noexcept { return tealets[domain.current]; }
inline int index_of(const Domain& domain) noexcept { return static_cast<int>(&domain - domains); }
inline int index_of(const Tealet& tealet) noexcept { return static_cast<int>(&tealet - tealets); }
inline Name name_of(const Tealet& tealet) noexcept { return {index_of(tealet), tealet.id}; }
inline bool exists(Name tealet) noexcept {
  return tealet.index != none && tealets[tealet.index].id == tealet.id &&
         tealets[tealet.index].state != State::none;
}

// A free place; nullptr if there is none.
Tealet* free_tealet() noexcept;
Domain* free_domain() noexcept;
// A tealet, or a domain, that the next byte chooses among those that `wanted` accepts.
template <class Wanted>
Tealet* choose_tealet(Wanted wanted) noexcept {
  const unsigned first = input.byte();
  for (unsigned i = 0; i < most_tealets; ++i) {
    Tealet& tealet = tealets[(first + i) % most_tealets];
    if (tealet.state != State::none && wanted(tealet)) return &tealet;
  }
  return nullptr;
}
template <class Wanted>
Domain* choose_domain(Wanted wanted) noexcept {
  const unsigned first = input.byte();
  for (unsigned i = 0; i < most_domains; ++i) {
    Domain& domain = domains[(first + i) % most_domains];
    if (domain.open && wanted(domain)) return &domain;
  }
  return nullptr;
}

// Whether the tealets that the domain lies in run.
bool usable(const Domain& domain) noexcept;
// Whether they never will again.
bool gone(const Domain& domain) noexcept;
// Of the usable domains the one that was begun last; nullptr if there is none.
Domain* innermost() noexcept;
// The same below a tealet, as if that one ran.
Domain* innermost_in(const Tealet& tealet) noexcept;
// What runs when `tealet` does: it, or one in a domain that was begun in it. Its frames are those
// that the next operation is done in.
Frames& frames_in(Tealet& tealet) noexcept;
Frames& running_frames() noexcept;

void add(Tealet& tealet, tealet_t* handle, const Domain& domain, State state) noexcept;
// The tealet has ended or is deleted, so what was begun in it never runs again.
void drop(Tealet& tealet, State state) noexcept;
// The domain was finalized.
void close(Domain& domain) noexcept;

// Whether reality is what the model says.
void check_model() noexcept;

}  // namespace fuzz
