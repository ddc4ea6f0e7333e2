#include "core/nesting.hpp"

#include "core/check.hpp"
#include "core/domain.hpp"

namespace tealet::core {

const Node Nesting::never_runs;

// Another library may have moved the tealet that ran last off the C stack. Sets running_tealet to
// the innermost tealet that may still be there.
void Nesting::skip_moved() const noexcept {
  if (self_.knows_running()) return;
  while (running_tealet->domain() != nullptr && !Domain::may_be_on_stack(*running_tealet)) {
    running_tealet = running_tealet->domain()->nesting().entered_from_;
  }
}

void Nesting::join(ThreadContext& thread) noexcept {
  skip_moved();
  thread_ = &thread;
  thread.add_owner();
  opened_ = ++thread.domains_opened;
  opened_in_ = running_tealet;
  entered_from_ = opened_in_;
  expected_ = expected_in_main_ = opened_in_;
  if (enclosing_tealet() == nullptr) return;
  opened_in_->hosts = true;
  opened_in_->domain()->nesting().inner_.add_first(*this);
}

void Nesting::leave() noexcept {
  if (enclosing_tealet() != nullptr) unlink();
  opened_in_ = nullptr;
  expected_ = &never_runs;
  thread_->remove_owner();
  thread_ = nullptr;
}

void Nesting::unlink() noexcept { opened_in_->domain()->nesting().inner_.remove(*this); }

bool Nesting::is_active() const noexcept { return !self_.current().is_main(); }

// Climbs from the running tealet outwards to required(). On the way there must be no older domain:
// its tealets have paused the execution that is this domain's main tealet.
Errc Nesting::check_enclosing() const noexcept {
  if (thread_ == nullptr) return Errc::outside;
  if (thread_ != this_thread) return Errc::thread;
  const bool running_was_discarded = self_.current().status == Status::Exited;
  if (orphaned() || running_was_discarded) return Errc::outside;
  skip_moved();
  bool older_runs = false;
  const Node* tealet = running_tealet;
  for (; tealet != required() && tealet->domain() != nullptr;
       tealet = tealet->domain()->nesting().entered_from_) {
    if (tealet->domain()->nesting().opened_ < opened_) older_runs = true;
  }
  if (tealet != required()) {
    const Errc code = outside_or_moved();
    if (code != Errc::moved || self_.knows_running() || !Domain::may_be_on_stack(*required())) {
      return code;
    }
    // The other library has switched back to it.
    running_tealet = required();
  } else if (older_runs) {
    return Errc::outside;
  }
  if (is_active()) {
    used_from_inside_ = true;
  } else {
    entered_from_ = running_tealet;
    // After a use from further inside the next check must climb again.
    expected_ = expected_in_main_ = entered_from_ == opened_in_ ? opened_in_ : &never_runs;
  }
  return Errc::ok;
}

Node* Nesting::required() const noexcept { return is_active() ? &self_.current() : opened_in_; }

// Why the climb from the running tealet did not reach required(). Errc::outside: a switch has
// paused a tealet between required() and the outermost execution. Errc::moved: none did.
Errc Nesting::outside_or_moved() const noexcept {
  const Node* tealet = required();
  for (; tealet->domain() != nullptr; tealet = tealet->domain()->nesting().entered_from_) {
    if (&tealet->domain()->current() != tealet) return Errc::outside;
    // The tealet that an orphaned domain was entered from was freed or has ended.
    if (tealet->domain()->nesting().orphaned()) return Errc::outside;
  }
  return required() == tealet ? Errc::outside : Errc::moved;
}

Node* Nesting::entered_from(const Node& tealet) noexcept {
  return tealet.domain()->nesting().entered_from();
}

bool Nesting::is_inside(const Node* tealet) const noexcept {
  const Node* outer = enclosing_tealet();
  while (outer != nullptr && outer != tealet) outer = outer->domain()->nesting().enclosing_tealet();
  return outer != nullptr;
}

Domain* Nesting::to_close_in(const Node& tealet) const noexcept {
  Nesting* inner = tealet.hosts ? inner_.first() : nullptr;
  while (inner != nullptr && (inner->opened_in_ != &tealet || inner->self_.stays_open_orphaned())) {
    inner = inner->neighbours_.next;
  }
  return inner != nullptr ? &inner->self_ : nullptr;
}

void Nesting::orphan(const Node& tealet) noexcept {
  Nesting* inner = tealet.hosts ? inner_.first() : nullptr;
  while (inner != nullptr) {
    Nesting& nesting = *inner;
    inner = nesting.neighbours_.next;
    if (nesting.opened_in_ != &tealet) continue;
    nesting.unlink();
    nesting.opened_in_ = nullptr;
    nesting.expected_ = nesting.expected_in_main_ = &never_runs;
    // The domain may be active, if another library has moved the C stack.
    nesting.entered_from_ = &nesting.thread_->ambient;
  }
}

void Nesting::verify() const noexcept {
  TEALETPP_CHECK(thread_ != nullptr);
  TEALETPP_CHECK(!orphaned() || (expected_ == &never_runs && neighbours_.next == nullptr));
  TEALETPP_CHECK(orphaned() || entered_from_ != nullptr);
  // The fast path of check() must not accept what the slow path refuses.
  if (thread_ == this_thread && is_usable_fast()) {
    TEALETPP_CHECK(!orphaned());
    TEALETPP_CHECK(running_tealet == required());
  }
  inner_.verify();
  TEALETPP_CHECK(inner_places_hold());
}

// Whether every domain in the list was opened in a tealet of this domain, and that tealet hosts it.
bool Nesting::inner_places_hold() const noexcept {
  for (const Nesting* inner = inner_.first(); inner != nullptr; inner = inner->neighbours_.next) {
    if (inner->opened_in_ == nullptr || inner->opened_in_->domain() != &self_) return false;
    if (!inner->opened_in_->hosts) return false;
  }
  return true;
}

}  // namespace tealet::core
