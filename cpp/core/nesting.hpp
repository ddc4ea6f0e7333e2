// Where a domain lies among the domains of its thread. One that is opened inside a tealet of
// another is part of that tealet's execution: its bytes on the C stack move with that tealet's, so
// it can be used only while that tealet runs.
#pragma once

#include <tealet/error.hpp>

namespace tealet::core {

class Domain;
struct Node;

class Nesting {
 public:
  // Of the domains of this thread that can be used here and now, the one opened last; nullptr if
  // there is none.
  static Domain* innermost() noexcept;

  // `self`, which this belongs to, is opened here and now; or is closed, on its own thread or, when
  // that one is gone or this is stranded, on another.
  void join(Domain& self) noexcept;
  void leave(const Domain& self, bool on_own_thread) noexcept;

  // Errc::outside if some tealet that the domain lies in does not run, or the domain is not open.
  Errc check() const noexcept { return outermost_ ? Errc::ok : check_enclosing(); }
  // Whether the domain is open, and was opened in no tealet.
  bool is_outermost() const noexcept { return outermost_; }
  // Of an open domain: whether the tealet in which it was opened is gone, without having closed it.
  bool stranded() const noexcept { return !outermost_ && outer_ == nullptr; }
  // The tealet of another domain in which this one was opened; nullptr if there is none.
  const Node* outer() const noexcept { return outer_; }
  // Whether this domain was opened in `tealet`, or in a tealet of a domain that was.
  bool is_inside(const Node* tealet) const noexcept;

  // A domain that was opened in `tealet`, one of this domain's, and is to be closed when that ends;
  // nullptr if there is none.
  Domain* to_close_in(const Node& tealet) const noexcept;
  // Leaves those that were opened in `tealet`, which is gone, where they are.
  void strand(const Node& tealet) noexcept;

 private:
  Errc check_enclosing() const noexcept;
  void unlink(const Domain& self) noexcept;

  Node* outer_ = nullptr;
  Domain* inner_ = nullptr;  // the domains opened in tealets of this one
  Domain* next_ = nullptr;   // the next in the list that this domain is in
  bool outermost_ = false;
};

}  // namespace tealet::core
