// Domains inside tealets of other domains. One that is opened inside a tealet is part of that
// tealet's execution: its bytes on the C stack move with that tealet's, so it can be used only
// while that tealet runs.
#include "domain.hpp"
#include "thread.hpp"

namespace tealet::core {

namespace {

// The domain of this thread that was opened in no tealet. All others hang below its tealets.
thread_local Domain* outermost = nullptr;

}  // namespace

Errc Domain::check_enclosing() const noexcept {
  if (stranded_ || !is_open()) return Errc::outside;
  for (const Node* outer = outer_; outer != nullptr; outer = outer->domain->outer_) {
    if (outer->domain->current_ != outer) return Errc::outside;
  }
  return Errc::ok;
}

bool Domain::is_inside(const Node* tealet) const noexcept {
  const Node* outer = outer_;
  while (outer != nullptr && outer != tealet) outer = outer->domain->outer_;
  return outer != nullptr;
}

Domain* Domain::innermost() noexcept {
  Domain* found = outermost;
  Domain* inner = found != nullptr ? found->inner_ : nullptr;
  while (inner != nullptr) {
    if (inner->outer_ == found->current_) {
      found = inner;
      inner = found->inner_;
    } else {
      inner = inner->next_;
    }
  }
  return found;
}

void Domain::join_enclosing() noexcept {
  Domain* const enclosing = innermost();
  if (enclosing == nullptr) {
    outermost = this;
    outermost_ = true;
    return;
  }
  outer_ = enclosing->current_;
  next_ = enclosing->inner_;
  enclosing->inner_ = this;
}

void Domain::leave_enclosing() noexcept {
  if (stranded_ || thread_ != current_thread()) return;
  // What was opened in this main tealet has been running in the enclosing tealet all along. There
  // is one such domain at most, since the next to be opened there is opened inside that one.
  Domain* heir = nullptr;
  if (inner_ != nullptr) {
    heir = inner_;
    heir->outer_ = outer_;
    inner_ = nullptr;
  }
  if (outer_ == nullptr) {
    outermost = heir;
    outermost_ = false;
    if (heir != nullptr) heir->outermost_ = true;
    return;
  }
  Domain** link = &outer_->domain->inner_;
  while (*link != this) link = &(*link)->next_;
  *link = heir != nullptr ? heir : next_;
  if (heir != nullptr) heir->next_ = next_;
  outer_ = nullptr;
}

Domain* Domain::to_close_in(const Node& outer) const noexcept {
  Domain* inner = inner_;
  while (inner != nullptr && (inner->outer_ != &outer || inner->face_.close == nullptr)) {
    inner = inner->next_;
  }
  return inner;
}

void Domain::close_inner_domains(const Node& outer) noexcept {
  while (Domain* inner = to_close_in(outer)) {
    inner->face_.close(*inner);
    if (to_close_in(outer) == inner) strand_inner_domains(outer);  // it could not be closed
  }
}

bool Domain::has_inner_domains(const Node& outer) const noexcept {
  return to_close_in(outer) != nullptr;
}

void Domain::strand_inner_domains(const Node& outer) noexcept {
  for (Domain** link = &inner_; *link != nullptr;) {
    Domain* inner = *link;
    if (inner->outer_ == &outer) {
      inner->stranded_ = true;
      inner->outer_ = nullptr;
      *link = inner->next_;
    } else {
      link = &inner->next_;
    }
  }
}

}  // namespace tealet::core
