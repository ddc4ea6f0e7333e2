#include "nesting.hpp"

#include <utility>

#include "domain.hpp"

namespace tealet::core {

namespace {

// The domain of this thread that was opened in no tealet. All others hang below its tealets.
thread_local Domain* outermost = nullptr;

}  // namespace

Domain* Nesting::innermost() noexcept {
  Domain* found = outermost;
  Domain* inner = found != nullptr ? found->nesting().inner_ : nullptr;
  while (inner != nullptr) {
    const Nesting& nesting = inner->nesting();
    if (nesting.outer_ == &found->current()) {
      found = inner;
      inner = nesting.inner_;
    } else {
      inner = nesting.next_;
    }
  }
  return found;
}

void Nesting::join(Domain& self) noexcept {
  Domain* const enclosing = innermost();
  if (enclosing == nullptr) {
    outermost = &self;
    outermost_ = true;
    return;
  }
  outer_ = &enclosing->current();
  next_ = std::exchange(enclosing->nesting().inner_, &self);
}

void Nesting::leave(const Domain& self, bool on_own_thread) noexcept {
  if (on_own_thread && !stranded()) unlink(self);
  outermost_ = false;
  outer_ = nullptr;
}

void Nesting::unlink(const Domain& self) noexcept {
  // What was opened in this main tealet has been running in the enclosing tealet all along. There
  // is one such domain at most, since the next to be opened there is opened inside that one.
  Domain* const heir = std::exchange(inner_, nullptr);
  if (heir != nullptr) heir->nesting().outer_ = outer_;
  if (outer_ == nullptr) {
    outermost = heir;
    if (heir != nullptr) heir->nesting().outermost_ = true;
    return;
  }
  Domain** link = &outer_->domain->nesting().inner_;
  while (*link != &self) link = &(*link)->nesting().next_;
  *link = heir != nullptr ? heir : next_;
  if (heir != nullptr) heir->nesting().next_ = next_;
}

Errc Nesting::check_enclosing() const noexcept {
  if (outer_ == nullptr) return Errc::outside;
  for (const Node* outer = outer_; outer != nullptr; outer = outer->domain->nesting().outer_) {
    if (&outer->domain->current() != outer) return Errc::outside;
  }
  return Errc::ok;
}

bool Nesting::is_inside(const Node* tealet) const noexcept {
  const Node* outer = outer_;
  while (outer != nullptr && outer != tealet) outer = outer->domain->nesting().outer_;
  return outer != nullptr;
}

Domain* Nesting::to_close_in(const Node& tealet) const noexcept {
  Domain* inner = inner_;
  while (inner != nullptr && (inner->nesting().outer_ != &tealet || inner->waits_stranded())) {
    inner = inner->nesting().next_;
  }
  return inner;
}

void Nesting::strand(const Node& tealet) noexcept {
  for (Domain** link = &inner_; *link != nullptr;) {
    Nesting& inner = (*link)->nesting();
    if (inner.outer_ == &tealet) {
      inner.outer_ = nullptr;
      *link = inner.next_;
    } else {
      link = &inner.next_;
    }
  }
}

}  // namespace tealet::core
