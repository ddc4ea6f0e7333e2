#include "core/nesting.hpp"

#include "core/check.hpp"
#include "core/domain.hpp"

namespace tealet::core {

const Node Nesting::nowhere;

// With another library's coroutines on this thread, the tealet that ran last may be in one of them.
void Nesting::leave_moved() const noexcept {
  if (self_.knows_running()) return;
  while (running_tealet->domain() != nullptr && !Domain::may_be_on_stack(*running_tealet)) {
    running_tealet = running_tealet->domain()->nesting().enclosing_;
  }
}

void Nesting::join(ThreadContext& thread) noexcept {
  leave_moved();
  thread_ = &thread;
  thread.refer();
  opened_ = ++thread.domains_opened;
  home_ = running_tealet;
  enclosing_ = home_;
  expected_ = expected_in_main_ = home_;
  if (outer() == nullptr) return;
  home_->hosts = true;
  Domain*& first = home_->domain()->nesting().inner_;
  next_ = first;
  if (next_ != nullptr) next_->nesting().previous_ = &self_;
  first = &self_;
}

void Nesting::leave() noexcept {
  if (outer() != nullptr) unlink();
  home_ = nullptr;
  expected_ = &nowhere;
  thread_->unrefer();
  thread_ = nullptr;
}

void Nesting::unlink() noexcept {
  if (next_ != nullptr) next_->nesting().previous_ = previous_;
  if (previous_ != nullptr) {
    previous_->nesting().next_ = next_;
  } else {
    home_->domain()->nesting().inner_ = next_;
  }
  next_ = previous_ = nullptr;
}

bool Nesting::is_active() const noexcept { return !self_.current().is_main(); }

// Climbs from the running tealet to this domain, or to where it was opened. A domain that was
// opened before this one must not be on the way: its tealets have paused the execution that this
// domain's main tealet is.
Errc Nesting::check_enclosing() const noexcept {
  if (thread_ == nullptr) return Errc::outside;
  if (thread_ != this_thread) return Errc::thread;
  if (orphaned()) return Errc::outside;
  leave_moved();
  bool older_runs = false;
  const Node* tealet = running_tealet;
  for (; tealet != place() && tealet->domain() != nullptr;
       tealet = tealet->domain()->nesting().enclosing_) {
    if (tealet->domain()->nesting().opened_ < opened_) older_runs = true;
  }
  if (tealet != place()) {
    const Errc code = outside_or_moved();
    if (code != Errc::moved || self_.knows_running() || !Domain::may_be_on_stack(*place())) {
      return code;
    }
    // Another library has switched back to it.
    running_tealet = place();
  } else if (older_runs) {
    return Errc::outside;
  }
  if (is_active()) {
    used_from_inside_ = true;
  } else {
    enclosing_ = running_tealet;
    // Without a switch this holds for the current call only: the next one must climb again.
    expected_ = expected_in_main_ = enclosing_ == home_ ? home_ : &nowhere;
  }
  return Errc::ok;
}

Node* Nesting::place() const noexcept { return is_active() ? &self_.current() : home_; }

// The climb from the running tealet did not end here. Errc::outside if that is right, since a
// switch has paused a tealet on the way up from here; else Errc::moved.
Errc Nesting::outside_or_moved() const noexcept {
  const Node* tealet = place();
  for (; tealet->domain() != nullptr; tealet = tealet->domain()->nesting().enclosing_) {
    if (&tealet->domain()->current() != tealet) return Errc::outside;
    // Of one that is stranded, what it was used from is gone.
    if (tealet->domain()->nesting().orphaned()) return Errc::outside;
  }
  return place() == tealet ? Errc::outside : Errc::moved;
}

Node* Nesting::enclosing(const Node& tealet) noexcept {
  return tealet.domain()->nesting().enclosing_;
}

bool Nesting::is_inside(const Node* tealet) const noexcept {
  const Node* outer = this->outer();
  while (outer != nullptr && outer != tealet) outer = outer->domain()->nesting().outer();
  return outer != nullptr;
}

Domain* Nesting::to_close_in(const Node& tealet) const noexcept {
  Domain* inner = tealet.hosts ? inner_ : nullptr;
  while (inner != nullptr && (inner->nesting().home_ != &tealet || inner->stays_open_orphaned())) {
    inner = inner->nesting().next_;
  }
  return inner;
}

void Nesting::orphan(const Node& tealet) noexcept {
  Domain* inner = tealet.hosts ? inner_ : nullptr;
  while (inner != nullptr) {
    Nesting& nesting = inner->nesting();
    inner = nesting.next_;
    if (nesting.home_ != &tealet) continue;
    nesting.unlink();
    nesting.home_ = nullptr;
    nesting.expected_ = nesting.expected_in_main_ = &nowhere;
    // It may be active still, if another library has moved the C stack.
    nesting.enclosing_ = &nesting.thread_->ambient;
  }
}

void Nesting::verify() const noexcept {
  TEALETPP_CHECK(thread_ != nullptr);
  TEALETPP_CHECK(!orphaned() || (expected_ == &nowhere && next_ == nullptr));
  TEALETPP_CHECK(orphaned() || enclosing_ != nullptr);
  // The fast path of check() must not accept what the slow path refuses.
  if (thread_ == this_thread && is_usable_fast()) {
    TEALETPP_CHECK(!orphaned());
    TEALETPP_CHECK(running_tealet == place());
  }
  TEALETPP_CHECK(inner_places_hold());
}

// Whether every domain in the list was opened in a tealet of this one, which knows of it.
bool Nesting::inner_places_hold() const noexcept {
  const Domain* previous = nullptr;
  for (const Domain* inner = inner_; inner != nullptr; inner = inner->nesting().next_) {
    const Nesting& nesting = inner->nesting();
    if (nesting.home_ == nullptr || nesting.home_->domain() != &self_) return false;
    if (!nesting.home_->hosts || nesting.previous_ != previous) return false;
    previous = inner;
  }
  return true;
}

}  // namespace tealet::core
