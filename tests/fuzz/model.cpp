#include "model.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "capi/c_domain.hpp"

namespace fuzz {

Input input;
Upstream upstream;
Tealet tealets[most_tealets];
Domain domains[most_domains];
Frames root;

namespace {

unsigned last_id = 0;

// Before every block lies its size.
constexpr std::size_t header = alignof(std::max_align_t);

void* take(std::size_t size, void*) {
  if (upstream.left == 0) {
    upstream.failures += 1;
    return nullptr;
  }
  if (upstream.left > 0) upstream.left -= 1;
  auto* block = static_cast<char*>(std::malloc(header + size));
  REQUIRE(block != nullptr);
  std::memcpy(block, &size, sizeof size);
  std::memset(block + header, 0xa5, size);
  upstream.blocks += 1;
  upstream.bytes += size;
  return block + header;
}

void give(void* ptr, void*) {
  char* block = static_cast<char*>(ptr) - header;
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  std::memset(block + header, 0x5a, size);
  upstream.blocks -= 1;
  upstream.bytes -= size;
  std::free(block);
}

int status_in(State state) noexcept {
  switch (state) {
    case State::fresh:
      return TEALET_STATUS_NEW;
    case State::exited:
      return TEALET_STATUS_EXITED;
    case State::defunct:
      return TEALET_STATUS_DEFUNCT;
    default:
      return TEALET_STATUS_ACTIVE;
  }
}

bool ended(Name tealet) noexcept {
  if (!exists(tealet)) return true;
  const State state = tealets[tealet.index].state;
  return state == State::exited || state == State::defunct;
}

// The domain that was begun in `tealet`. There is one at most: the next to be begun there is begun
// in that one's main tealet.
Domain* begun_in(const Tealet& tealet) noexcept {
  for (Domain& domain : domains) {
    if (domain.open && !domain.gone && domain.outer.index == index_of(tealet) &&
        domain.outer.id == tealet.id) {
      return &domain;
    }
  }
  return nullptr;
}

Domain* outermost() noexcept {
  for (Domain& domain : domains) {
    if (domain.open && !domain.gone && domain.outer.index == none) return &domain;
  }
  return nullptr;
}

// What lies in what is gone is gone, too.
void note_what_is_gone() noexcept {
  for (Domain& domain : domains) {
    if (domain.open && gone(domain)) domain.gone = true;
  }
}

#if TEALET_WITH_STATS
void check_figures(const Domain& domain) noexcept {
  const auto& real = tealet::capi::domain_of(main_of(domain).handle);
  const tealet::Stats kept = real.stats();
  const tealet::Stats walked = real.stats_by_walk();
  for (const tealet::StatsField& field : tealet::stats_fields) {
    if (kept.*field.value != walked.*field.value) fail(__FILE__, __LINE__, field.name);
  }
  REQUIRE(kept.stack_bytes <= kept.stack_bytes_expanded);
  REQUIRE(kept.stack_bytes_expanded <= kept.stack_bytes_naive);
  REQUIRE(kept.bytes_allocated <= kept.bytes_allocated_peak);
  REQUIRE(kept.blocks_allocated <= kept.blocks_allocated_peak);
  REQUIRE(kept.bytes_cached == 0);
  REQUIRE(kept.n_total == domain.made);
  std::size_t active = 0;
  for (const Tealet& tealet : tealets) {
    active += tealet.state != State::none && tealet.domain == index_of(domain);
  }
  REQUIRE(kept.n_active == active);
}
#endif

}  // namespace

void fail(const char* file, int line, const char* what) noexcept {
  std::fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
  std::abort();
}

void Upstream::begin() noexcept {
  *this = {};
  alloc = {take, give, nullptr};
}

void begin_model(char* base) noexcept {
  upstream.begin();
  for (Tealet& tealet : tealets) tealet = {};
  for (Domain& domain : domains) domain = {};
  root = {1, 0, base};
}

Tealet* free_tealet() noexcept {
  for (Tealet& tealet : tealets) {
    if (tealet.state == State::none) return &tealet;
  }
  return nullptr;
}

Domain* free_domain() noexcept {
  for (Domain& domain : domains) {
    if (!domain.open) return &domain;
  }
  return nullptr;
}

bool gone(const Domain& domain) noexcept {
  if (domain.gone) return true;
  if (domain.outer.index == none) return false;
  return ended(domain.outer) || gone(domains[tealets[domain.outer.index].domain]);
}

bool usable(const Domain& domain) noexcept {
  if (domain.gone) return false;
  if (domain.outer.index == none) return true;
  const Tealet& outer = tealets[domain.outer.index];
  return outer.state == State::running && usable(domains[outer.domain]);
}

Domain* innermost_in(const Tealet& tealet) noexcept {
  Domain* found = nullptr;
  for (Domain* next = begun_in(tealet); next != nullptr; next = begun_in(current_of(*next))) {
    found = next;
  }
  return found;
}

Domain* innermost() noexcept {
  Domain* const first = outermost();
  if (first == nullptr) return nullptr;
  Domain* const inner = innermost_in(current_of(*first));
  return inner != nullptr ? inner : first;
}

Frames& frames_in(Tealet& tealet) noexcept {
  const Domain* inner = innermost_in(tealet);
  Tealet* runs = inner != nullptr ? &current_of(*inner) : &tealet;
  // A main tealet has the frames of the one that its domain was begun in.
  while (runs->main) {
    const Name outer = domains[runs->domain].outer;
    if (outer.index == none) return root;
    runs = &tealets[outer.index];
  }
  return runs->frames;
}

Frames& running_frames() noexcept {
  const Domain* inner = innermost();
  return inner != nullptr ? frames_in(current_of(*inner)) : root;
}

void add(Tealet& tealet, tealet_t* handle, const Domain& domain, State state) noexcept {
  tealet = {};
  tealet.handle = handle;
  tealet.state = state;
  tealet.id = ++last_id;
  tealet.domain = index_of(domain);
  domains[tealet.domain].made += 1;
}

void drop(Tealet& tealet, State state) noexcept {
  tealet.state = state;
  note_what_is_gone();
}

void close(Domain& domain) noexcept {
  // What was begun in its main tealet has been running in the enclosing one all along.
  for (Domain& inner : domains) {
    if (!domain.gone && inner.open && inner.outer.index == domain.main) inner.outer = domain.outer;
  }
  for (Tealet& tealet : tealets) {
    if (tealet.domain == index_of(domain)) tealet.state = State::none;
  }
  domain.open = false;
  note_what_is_gone();
}

void check_model() noexcept {
  std::size_t blocks = 0;
  std::size_t bytes = 0;
  for (const Domain& domain : domains) {
    if (!domain.open) continue;
    REQUIRE(tealet_current(main_of(domain).handle) == current_of(domain).handle);
    REQUIRE(domain.locked == 0);
    tealet_stats_t stats;
    tealet_get_stats(main_of(domain).handle, &stats);
    blocks += stats.blocks_allocated;
    bytes += stats.bytes_allocated;
#if TEALET_CHECKS
    tealet::capi::domain_of(main_of(domain).handle).verify();
#endif
#if TEALET_WITH_STATS
    check_figures(domain);
#endif
  }
#if TEALET_WITH_STATS
  REQUIRE(blocks == upstream.blocks);
  REQUIRE(bytes == upstream.bytes);
#endif
  for (const Tealet& tealet : tealets) {
    if (tealet.state == State::none) continue;
    REQUIRE(tealet_status(tealet.handle) == status_in(tealet.state));
    REQUIRE(tealet_get_origin(tealet.handle) == tealet.origin);
    REQUIRE(tealet.handle->main == main_of(domains[tealet.domain]).handle);
    REQUIRE((tealet_get_far(tealet.handle) == nullptr) == (tealet.state == State::fresh));
  }
}

}  // namespace fuzz
