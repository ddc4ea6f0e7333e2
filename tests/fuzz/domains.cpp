// Drives the C API, and the engine below it, by the bytes of an input: every byte or two is an
// operation on some tealet of some domain, wherever that leads. A model says what must come of it.
//
// Locals live on the stacks that are switched, so what an operation finds after a switch belongs to
// whoever is resumed there, perhaps a copy. Hence all that must be known later is in the model.
#include <tealet/tealet_extras.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "capi/c_domain.hpp"
#include "model.hpp"
#include "port/thread_stack.hpp"

namespace fuzz {
namespace {

constexpr int deepest = 6;
constexpr std::size_t largest_input = 4096;

// The operation under way: which arrivals are right.
struct Expected {
  Domain* domain = nullptr;
  Tealet* from = nullptr;
  State left = State::paused;  // what `from` is then; none if it is deleted
  Tealet* to = nullptr;
  void* value = nullptr;
  bool panic = false;
  bool forced = false;        // tealets may become defunct
  bool or_main = false;       // if memory is short, main may be resumed instead, with a panic
  bool needs_memory = false;  // so it may fail
  int error = 0;              // that it must fail with
};
Expected expected;

bool returns(int result) noexcept { return result == 0 || result == TEALET_ERR_PANIC; }

void see_who_is_defunct() noexcept {
  for (Tealet& tealet : tealets) {
    const bool saved = tealet.state == State::paused || tealet.state == State::later ||
                       tealet.state == State::stub;
    if (!saved || tealet.domain != index_of(*expected.domain)) continue;
    if (tealet_status(tealet.handle) != TEALET_STATUS_DEFUNCT) continue;
    REQUIRE(expected.forced && upstream.failures > 0 && !tealet.main);
    drop(tealet, State::defunct);
  }
}

// Somebody has been resumed, with what the last operation sent.
void arrive(int result, void* arg, bool told) noexcept {
  REQUIRE(returns(result) && expected.error == 0);
  Domain& domain = *expected.domain;
  const tealet_t* runs = tealet_current(main_of(domain).handle);
  Tealet& to = runs == expected.to->handle ? *expected.to : main_of(domain);
  const bool instead = &to != expected.to;
  const bool may_be_instead = expected.or_main && upstream.failures > 0;
  REQUIRE(runs == to.handle && (!instead || may_be_instead));
  const bool panics = result == TEALET_ERR_PANIC;
  REQUIRE(panics == (instead || expected.panic) || (to.main && may_be_instead && panics));
  REQUIRE(!told || arg == expected.value);

  expected.from->state = expected.left;
  domain.current = index_of(to);
  to.state = State::running;
  if (expected.left == State::none || expected.left == State::exited) {
    drop(*expected.from, expected.left);
  }
  see_who_is_defunct();
  upstream.recover();
  check_model();
}

// The operation has failed, and nothing has changed.
void refuse(int result) noexcept {
  if (expected.error != 0) {
    REQUIRE(result == expected.error);
  } else {
    REQUIRE(result == TEALET_ERR_MEM && expected.needs_memory);
  }
  REQUIRE(tealet_current(main_of(*expected.domain).handle) == expected.from->handle);
  upstream.recover();
  check_model();
}

bool come_back(int result, void* arg, bool told) noexcept {
  if (returns(result) && expected.error == 0) {
    arrive(result, arg, told);
    return true;
  }
  refuse(result);
  return false;
}

// Whether there may be too little left of the C stack to begin on top of it.
std::uintptr_t lowest_start = 0;

bool short_of_room() noexcept {
  constexpr std::uintptr_t frames_between = 0x4000;
  const char here = 0;
  return reinterpret_cast<std::uintptr_t>(&here) < lowest_start + frames_between;
}

void* next_value() noexcept {
  static std::uintptr_t last = 0;
  last += 1;
  return last % 8 != 0 ? reinterpret_cast<void*>(last) : nullptr;
}

bool in_usable(const Tealet& tealet) noexcept { return usable(domains[tealet.domain]); }

tealet_t* life(tealet_t* self, void* arg);

// --- operations: all but those that end the running tealet -----------------------------------

void begin_domain() noexcept {
  Domain* const domain = free_domain();
  Tealet* const main = free_tealet();
  if (domain == nullptr || main == nullptr) return;
  // Before it is there itself.
  const Domain* const enclosing = innermost();
  const Name outer = enclosing != nullptr ? name_of(current_of(*enclosing)) : Name{};
  tealet_t* const handle = tealet_initialize(&upstream.alloc, std::size_t{8} * (input.byte() % 3));
  if (handle == nullptr) {
    REQUIRE(upstream.failures > 0);
  } else {
    *domain = {};
    add(*main, handle, *domain, State::running);
    main->main = main->of_main = true;
    main->origin = TEALET_ORIGIN_MAIN_LINEAGE;
    domain->id = main->id;
    domain->open = true;
    domain->main = domain->current = index_of(*main);
    domain->outer = outer;
  }
  upstream.recover();
  check_model();
}

void end_domain() noexcept {
  // Where its tealets can run again, only main may do so.
  Domain* const domain =
      choose_domain([](const Domain& one) { return one.gone || one.current == one.main; });
  if (domain == nullptr) return;
  tealet_finalize(main_of(*domain).handle);
  close(*domain);
  check_model();
}

void create() noexcept {
  const Tealet* const any = choose_tealet([](const Tealet&) { return true; });
  Tealet* const place = free_tealet();
  if (any == nullptr || place == nullptr) return;
  tealet_t* const handle = tealet_new(any->handle);
  REQUIRE(handle != nullptr || upstream.failures > 0);
  if (handle != nullptr) add(*place, handle, domains[any->domain], State::fresh);
  upstream.recover();
  check_model();
}

void duplicate() noexcept {
  Tealet* const original = choose_tealet([](const Tealet&) { return true; });
  Tealet* const place = free_tealet();
  if (original == nullptr || place == nullptr) return;
  tealet_t* const handle = tealet_duplicate(original->handle);
  const bool possible = !original->main && index_of(*original) != domains[original->domain].current;
  REQUIRE(handle == nullptr ? !possible || upstream.failures > 0 : possible);
  if (handle != nullptr) {
    // The domains that were begun in it stay its own.
    const Frames frames = frames_in(*original);
    add(*place, handle, domains[original->domain], original->state);
    place->of_main = original->of_main;
    place->origin = original->origin;
    place->frames = frames;
    place->deferred = original->deferred;
  }
  upstream.recover();
  check_model();
}

void remove() noexcept {
  Tealet* const tealet = choose_tealet([](const Tealet&) { return true; });
  if (tealet == nullptr) return;
  const bool stays = tealet->main || index_of(*tealet) == domains[tealet->domain].current;
  tealet_delete(tealet->handle);
  if (!stays) drop(*tealet, State::none);
  check_model();
}

bool is_fresh(const Tealet& tealet) noexcept {
  return tealet.state == State::fresh && in_usable(tealet);
}

void expect_start(Tealet& fresh, bool now) noexcept {
  Domain& domain = domains[fresh.domain];
  expected = {};
  expected.domain = &domain;
  expected.from = &current_of(domain);
  expected.to = now ? &fresh : expected.from;
  if (!now) expected.left = State::running;
  expected.value = now ? next_value() : nullptr;
  expected.needs_memory = upstream.left >= 0 || short_of_room();
  fresh.deferred = {};
}

void run(char* far) noexcept {
  Tealet* const fresh = choose_tealet(is_fresh);
  if (fresh == nullptr) return;
  expect_start(*fresh, true);
  void* arg = expected.value;
  const int result = tealet_run(fresh->handle, life, &arg, far, TEALET_START_SWITCH);
  come_back(result, arg, true);
}

void capture(char* far) noexcept {
  Tealet* const fresh = choose_tealet(is_fresh);
  if (fresh == nullptr) return;
  expect_start(*fresh, false);
  fresh->state = State::later;
  const int result = tealet_run(fresh->handle, life, nullptr, far, TEALET_START_DEFAULT);
  if (result != 0) fresh->state = State::fresh;
  come_back(result, nullptr, false);
}

// A new tealet that has begun already, if that succeeds: a stub, or one with a function.
template <class Make>
void make_begun(State state, Make make) noexcept {
  const Tealet* const any = choose_tealet(in_usable);
  Tealet* const place = free_tealet();
  if (any == nullptr || place == nullptr) return;
  const bool now = state == State::running;
  add(*place, nullptr, domains[any->domain], now ? State::fresh : state);
  const bool room = !short_of_room();
  upstream.left = std::min(upstream.left, 3L);
  expected = {};
  expected.domain = &domains[any->domain];
  expected.from = &current_of(*expected.domain);
  expected.to = now ? place : expected.from;
  if (!now) expected.left = State::running;
  expected.value = now ? next_value() : nullptr;
  expected.needs_memory = upstream.left >= 0 || !room;
  void* arg = expected.value;
  const int result = make(any->handle, &place->handle, &arg);
  if (!returns(result)) {
    REQUIRE(place->handle == nullptr);
    place->state = State::none;
    // Whether it was made before it could not begin.
    const auto& real = tealet::capi::domain_of(main_of(*expected.domain).handle);
    expected.domain->made = real.stats().n_total;
  }
  come_back(result, arg, now);
}

void make_stub(char* far) noexcept {
  make_begun(State::stub, [far](tealet_t* any, tealet_t** made, void**) {
    return tealet_stub_new(any, made, far);
  });
}

void spawn(char* far) noexcept {
  const bool now = input.byte() % 2 != 0;
  make_begun(now ? State::running : State::later,
             [far, now](tealet_t* any, tealet_t** made, void** arg) {
               return tealet_spawn(any, made, life, arg, far,
                                   now ? TEALET_START_SWITCH : TEALET_START_DEFAULT);
             });
}

bool paused_for_good(const Tealet& tealet) noexcept {
  return tealet.state == State::paused || tealet.state == State::later;
}

// What a transfer to `to` must come to.
void expect_transfer(Tealet& from, Tealet& to, State left, int flags) noexcept {
  Domain& domain = domains[from.domain];
  const bool panic = (flags & TEALET_XFER_PANIC) != 0;
  const bool nofail = (flags & TEALET_XFER_NOFAIL) != 0;
  expected = {};
  expected.domain = &domain;
  expected.from = &from;
  expected.left = left;
  expected.to = &to;
  expected.panic = panic;
  expected.forced = nofail || (flags & TEALET_XFER_FORCE) != 0;
  expected.or_main = nofail;
  expected.needs_memory = upstream.left >= 0 && !nofail;
  // NOLINTNEXTLINE(bugprone-branch-clone): in the order in which the library looks.
  if (to.domain != from.domain) {
    expected.error = TEALET_ERR_INVAL;
  } else if (to.state == State::defunct) {
    expected.error = nofail ? 0 : TEALET_ERR_DEFUNCT;
    expected.to = &main_of(domain);
    expected.panic = true;
  } else if (!paused_for_good(to) || (to.state == State::later && panic)) {
    expected.error = TEALET_ERR_INVAL;
  }
  // Main can always be resumed by force.
  if (expected.forced && to.main) expected.needs_memory = false;
}

constexpr std::array<int, 8> transfer_flags{
    TEALET_XFER_DEFAULT,
    TEALET_XFER_DEFAULT,
    TEALET_XFER_FORCE,
    TEALET_XFER_PANIC,
    TEALET_XFER_NOFAIL,
    TEALET_XFER_FORCE | TEALET_XFER_PANIC,
    TEALET_XFER_NOFAIL | TEALET_XFER_PANIC,
    TEALET_XFER_FORCE | TEALET_XFER_PANIC | TEALET_XFER_NOFAIL};

void switch_to(Tealet& to, int flags, bool told) noexcept {
  Tealet& from = current_of(domains[to.domain]);
  expect_transfer(from, to, State::paused, flags);
  if (&from == &to) {  // at once, with what the caller has
    expected.error = 0;
    expected.left = State::running;
  }
  void* arg = expected.value = told ? next_value() : nullptr;
  const int result = tealet_switch(to.handle, told ? &arg : nullptr, flags);
  come_back(result, arg, told);
}

void transfer() noexcept {
  Tealet* const to = choose_tealet(in_usable);
  const unsigned how = input.byte();
  if (to != nullptr) switch_to(*to, transfer_flags[how % 8], (how & 8) == 0);
}

void run_stub() noexcept {
  Tealet* const stub = choose_tealet(in_usable);
  if (stub == nullptr) return;
  Tealet& from = current_of(domains[stub->domain]);
  const State was = stub->state;
  expect_transfer(from, *stub, State::paused, TEALET_XFER_DEFAULT);
  const tealet::core::Node& node = tealet::capi::node_of(stub->handle);
  const bool waits = node.status == tealet::Status::Stub && node.binding == nullptr;
  REQUIRE(waits == (was == State::stub) || was == State::defunct);
  if (was != State::defunct) expected.error = was == State::stub ? 0 : TEALET_ERR_INVAL;
  if (was == State::defunct && !waits) expected.error = TEALET_ERR_INVAL;
  void* arg = expected.value = next_value();
  const int result = tealet_stub_run(stub->handle, life, &arg);
  come_back(result, arg, true);
}

// Makes `copy` what the running tealet of its domain is.
void copy_running(Tealet& copy, const Tealet& original) noexcept {
  copy.state = State::paused;
  copy.frames = running_frames();
  copy.of_main = original.of_main;
  copy.origin = TEALET_ORIGIN_FORK | (original.of_main ? TEALET_ORIGIN_MAIN_LINEAGE : 0U);
  copy.deferred = original.deferred;
}

void fork() noexcept {
  Tealet* const copy = choose_tealet(is_fresh);
  const bool leave = input.byte() % 2 != 0;
  if (copy == nullptr) return;
  Domain& domain = domains[copy->domain];
  Tealet& original = current_of(domain);
  expected = {};
  expected.domain = &domain;
  expected.from = &original;
  expected.left = leave ? State::paused : State::running;
  expected.to = leave ? copy : &original;
  expected.needs_memory = upstream.left >= 0;
  if (original.main && !domain.forkable) expected.error = TEALET_ERR_UNFORKABLE;
  const Tealet before = *copy;
  copy_running(*copy, original);
  void* arg = next_value();
  const int result =
      tealet_fork(copy->handle, &arg, leave ? TEALET_START_SWITCH : TEALET_START_DEFAULT);
  if (!returns(result)) *copy = before;
  come_back(result, arg, true);
}

// --- operations that end the running tealet --------------------------------------------------

void exit_to() noexcept {
  Tealet* const to = choose_tealet(in_usable);
  const unsigned how = input.byte();
  if (to == nullptr) return;
  Tealet& from = current_of(domains[to->domain]);
  int flags = transfer_flags[how % 8];
  const bool deletes = (how & 8) != 0;
  if (deletes) flags |= TEALET_EXIT_DELETE;
  void* const value = next_value();
  if ((how & 48) == 48) {
    const int result = tealet_exit(to->handle, value, flags | TEALET_EXIT_DEFER);
    REQUIRE(result == (from.of_main || &from == to ? TEALET_ERR_INVAL : 0));
    if (result == 0) from.deferred = {name_of(*to), value, flags};
    return;
  }
  expect_transfer(from, *to, deletes ? State::none : State::exited, flags);
  expected.value = value;
  if (from.main || &from == to) expected.error = TEALET_ERR_INVAL;
  // A success does not return.
  refuse(tealet_exit(to->handle, value, flags));
}

// What a tealet's function returns, and says in the model that it has.
tealet_t* end(Domain& domain) noexcept {
  Tealet& self = current_of(domain);
  const Deferred& deferred = self.deferred;
  Tealet* next = choose_tealet([](const Tealet&) { return true; });
  const bool as_told =
      (deferred.target.index == none || exists(deferred.target)) && input.byte() % 2 == 0;
  Tealet* to = as_told ? nullptr : next;
  if (as_told && deferred.target.index != none) to = &tealets[deferred.target.index];

  const State left = (deferred.flags & TEALET_EXIT_DELETE) != 0 ? State::none : State::exited;
  Tealet& main = main_of(domain);
  expect_transfer(self, to != nullptr ? *to : main, left, deferred.flags | TEALET_XFER_NOFAIL);
  if (to == nullptr || expected.error != 0) {
    expected.error = 0;
    expected.to = &main;
    expected.panic = true;
  }
  expected.value = deferred.value;
  // NOLINTNEXTLINE(*.NullDereference): only as told it is nullptr.
  return as_told ? nullptr : next->handle;
}

// --- operations that must fail, or change nothing --------------------------------------------

void try_unusable() noexcept {
  Tealet* const tealet = choose_tealet([](const Tealet& one) { return !in_usable(one); });
  if (tealet == nullptr) return;
  char here[2] = {};
  const int flags = transfer_flags[input.byte() % 8];
  upstream.recover();
  REQUIRE(tealet_switch(tealet->handle, nullptr, flags) == TEALET_ERR_INVAL);
  REQUIRE(tealet_exit(tealet->handle, nullptr, flags) == TEALET_ERR_INVAL);
  REQUIRE(tealet_run(tealet->handle, life, nullptr, nullptr, 0) == TEALET_ERR_INVAL);
  REQUIRE(tealet_run(tealet->handle, life, nullptr, nullptr, 1) == TEALET_ERR_INVAL);
  REQUIRE(tealet_fork(tealet->handle, nullptr, 0) == TEALET_ERR_INVAL);
  REQUIRE(tealet_set_far(tealet->handle, &here[1]) == TEALET_ERR_INVAL);
  check_model();
}

void ask() noexcept {
  const Tealet* const tealet = choose_tealet([](const Tealet&) { return true; });
  if (tealet == nullptr) return;
  const tealet_t* const previous = tealet_previous(tealet->handle);
  bool found = previous == nullptr;
  for (const Tealet& one : tealets) {
    found = found ||
            (one.state != State::none && one.handle == previous && one.domain == tealet->domain);
  }
  REQUIRE(found);
  REQUIRE(tealet_get_stacksize(tealet->handle) < (std::size_t{1} << 30));
  char here = 0;
  REQUIRE(tealet_new_probe(tealet->handle, life, nullptr, &here, 0) <= &here);
}

// --- settings --------------------------------------------------------------------------------

void give_far_end() noexcept {
  Domain* const domain =
      choose_domain([](const Domain& one) { return usable(one) && one.current == one.main; });
  if (domain == nullptr) return;
  // The outermost frame of the tealet that main's frames are of: it stays as long as main does.
  const Tealet* owner = &main_of(*domain);
  while (owner->main && domains[owner->domain].outer.index != none) {
    owner = &tealets[domains[owner->domain].outer.index];
  }
  char* const far = owner->main ? root.base : owner->frames.base;
  REQUIRE(tealet_set_far(main_of(*domain).handle, far) == 0);
  domain->forkable = true;
}

// Only an outermost domain is watched: what lies beyond the far end of another one's tealet may
// belong to a tealet that runs meanwhile.
void watch() noexcept {
  Domain* const domain = choose_domain([](const Domain& one) { return one.outer.index == none; });
  const unsigned how = input.byte();
  if (domain == nullptr || domain->gone) return;
  tealet_config_t config = TEALET_CONFIG_INIT;
  if ((how & 1) != 0) {
    config.flags = TEALET_CONFIGF_STACK_INTEGRITY;
    config.flags |= (how & 2) != 0 ? TEALET_CONFIGF_STACK_SNAPSHOT : 0U;
    config.flags |= (how & 4) != 0 ? TEALET_CONFIGF_STACK_GUARD : 0U;
    config.stack_guard_mode = static_cast<int>(how >> 3) % 3;
    config.stack_integrity_bytes = std::size_t{1} << (4 + how % 10);
    config.stack_integrity_fail_policy = TEALET_STACK_INTEGRITY_FAIL_ERROR;
    config.stack_guard_limit = root.base;
  }
  const int result = tealet_configure_set(main_of(*domain).handle, &config);
  REQUIRE(result == 0 || (result == TEALET_ERR_MEM && upstream.failures > 0));
  upstream.recover();
  check_model();
}

void take_lock(void* locked) {
  REQUIRE(*static_cast<long*>(locked) == 0);
  *static_cast<long*>(locked) += 1;
}
void give_lock(void* locked) {
  REQUIRE(*static_cast<long*>(locked) == 1);
  *static_cast<long*>(locked) -= 1;
}

void set_lock() noexcept {
  Domain* const domain = choose_domain([](const Domain&) { return true; });
  if (domain == nullptr) return;
  tealet_lock_t lock{TEALET_LOCK_AUTO, take_lock, give_lock, &domain->locked};
  if (input.byte() % 2 != 0) lock.mode = TEALET_LOCK_OFF;
  REQUIRE(tealet_configure_set_locking(main_of(*domain).handle, &lock) == 0);
}

// --- frames ----------------------------------------------------------------------------------

unsigned mix(unsigned chain, unsigned with) noexcept { return (chain ^ with) * 2654435761U + 97U; }

// Bytes on a stack that must be found as they were left.
template <std::size_t size>
class Pattern {
 public:
  explicit Pattern(unsigned seed) noexcept : seed_(seed) {
    for (std::size_t i = 0; i < size; ++i) bytes_[i] = expected_at(i);
  }
  bool intact() const noexcept {
    for (std::size_t i = 0; i < size; ++i) {
      if (bytes_[i] != expected_at(i)) return false;
    }
    return true;
  }
  char* end() noexcept {
    return const_cast<char*>(reinterpret_cast<volatile char*>(bytes_ + size));
  }

 private:
  unsigned char expected_at(std::size_t i) const noexcept {
    return static_cast<unsigned char>((seed_ + static_cast<unsigned>(i) * 40503U) >> 7);
  }
  volatile unsigned seed_;
  volatile unsigned char bytes_[size];
};

// Whether the frame below, a tealet's outermost one, may return: the tealet of `domain` that it was
// begun for runs, or a copy of it, and nothing that was begun there does.
bool may_end(Name domain) noexcept {
  if (domain.index == none) return false;
  const Domain& one = domains[domain.index];
  return one.open && one.id == domain.id && usable(one) && !current_of(one).of_main &&
         &running_frames() == &current_of(one).frames;
}

// Switches towards main, where the program began. False if that is done.
bool go_home() noexcept {
  for (Domain& domain : domains) {
    if (!domain.open || !usable(domain) || domain.current == domain.main) continue;
    const Name outer = domain.outer;
    if (outer.index != none && !tealets[outer.index].main) continue;  // that one goes first
    upstream.recover();
    switch_to(main_of(domain), TEALET_XFER_FORCE, true);
    return true;
  }
  return false;
}

void operate(unsigned operation, char* far) noexcept {
  switch (operation) {
    case 0:
      begin_domain();
      return;
    case 1:
      end_domain();
      return;
    case 2:
    case 3:
      create();
      return;
    case 4:
      duplicate();
      return;
    case 5:
      remove();
      return;
    case 6:
    case 7:
      run(far);
      return;
    case 8:
      capture(far);
      return;
    case 9:
      make_stub(far);
      return;
    case 10:
      spawn(far);
      return;
    case 11:
    case 12:
    case 13:
    case 14:
      transfer();
      return;
    case 15:
      run_stub();
      return;
    case 16:
      fork();
      return;
    case 17:
    case 18:
      exit_to();
      return;
    case 19:
      try_unusable();
      return;
    case 20:
      ask();
      return;
    case 21:
      give_far_end();
      return;
    case 22:
      watch();
      return;
    case 23:
      set_lock();
      return;
    default:
      upstream.run_dry_after(static_cast<long>(operation) % 5);
      return;
  }
}

void live(unsigned chain, int depth, Name domain) noexcept;

template <std::size_t size>
[[gnu::noinline]] void live_with(unsigned chain, int depth, Name domain) noexcept {
  Pattern<size> pattern(chain);
  for (;;) {
    REQUIRE(pattern.intact());
    REQUIRE(running_frames().chain == chain && running_frames().depth == depth);
    if (input.done()) {
      if (go_home()) continue;
      return;
    }
    const unsigned byte = input.byte();
    const unsigned operation = byte % 32;
    if (operation == 31) {
      if (depth > 0 || may_end(domain)) return;
    } else if (operation == 30) {
      if (depth == deepest) continue;
      const unsigned below = mix(chain, byte);
      running_frames().chain = below;
      running_frames().depth = depth + 1;
      live(below, depth + 1, domain);
      REQUIRE(running_frames().depth == depth + 1 && running_frames().chain == below);
      running_frames().chain = chain;
      running_frames().depth = depth;
    } else {
      operate(operation, (byte & 128) != 0 ? pattern.end() : nullptr);
    }
  }
}

void live(unsigned chain, int depth, Name domain) noexcept {
  switch (chain % 3) {
    case 0:
      live_with<24>(chain, depth, domain);
      return;
    case 1:
      live_with<200>(chain, depth, domain);
      return;
    default:
      live_with<3000>(chain, depth, domain);
      return;
  }
}

[[gnu::noinline]] tealet_t* life(tealet_t* self, void* arg) {
  char base = 0;
  Domain* domain = nullptr;
  for (Domain& one : domains) {
    if (one.open && main_of(one).handle == self->main) domain = &one;
  }
  REQUIRE(domain != nullptr);
  const Name name{index_of(*domain), domain->id};
  arrive(0, arg, true);
  Tealet& tealet = current_of(*domain);
  const unsigned chain = mix(tealet.id, 5);
  tealet.frames = {chain, 0, &base};
  live(chain, 0, name);
  return end(domains[name.index]);
}

[[gnu::noinline]] void run_input(const std::uint8_t* data, std::size_t size) noexcept {
  char base = 0;
  begin_model(&base);
  lowest_start =
      reinterpret_cast<std::uintptr_t>(tealet::port::usable_stack_of_this_thread().lowest_start);
  input.begin(data, size);
  const unsigned first_to_end = input.byte();
  live(root.chain, 0, {});
  REQUIRE(&running_frames() == &root);
  for (unsigned i = 0;; ++i) {
    const bool any = std::any_of(domains, domains + most_domains,
                                 [](const Domain& domain) { return domain.open; });
    if (!any) break;
    REQUIRE(i < most_domains * most_domains);
    Domain& domain = domains[(first_to_end + i * (first_to_end % 2 * 4 + 1)) % most_domains];
    if (!domain.open || (!domain.gone && domain.current != domain.main)) continue;
    tealet_finalize(main_of(domain).handle);
    close(domain);
    check_model();
  }
  REQUIRE(upstream.blocks == 0 && upstream.bytes == 0);
}

}  // namespace
}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= fuzz::largest_input) fuzz::run_input(data, size);
  return 0;
}
