// Where a domain lies among the domains of its thread. One that is opened inside a tealet of
// another is part of that tealet's execution: its bytes on the C stack move with that tealet's, so
// it can be used only while that tealet runs.
//
// A domain is active while one of its tealets other than main runs, and idle otherwise. An idle
// domain has nothing in place on the C stack: a switch to main completes every other stack.
#pragma once

#include <tealet/cxx/error.hpp>

#include <cstdint>

#include "core/node.hpp"
#include "core/thread_context.hpp"
#include "port/compiler.hpp"

namespace tealet::core {

class Domain;

class Nesting {
 public:
  explicit Nesting(Domain& self) noexcept : self_(self) {}

  // The domain is opened here and now; or is closed, on any thread.
  void join(ThreadContext& thread) noexcept;
  void leave() noexcept;

  // Whether the domain can be used here and now, as far as one comparison tells.
  bool is_usable_fast() const noexcept { return expected_ == running_tealet; }
  // Errc::thread on another thread; Errc::outside if some tealet that the domain lies in does not
  // run, or the domain is not open; Errc::moved if its running tealet, or the one that it lies in,
  // is not on the C stack, though no switch has paused it: see correct_running().
  Errc check() const noexcept { return is_usable_fast() ? Errc::ok : check_enclosing(); }

  // The domain's running tealet is `to` now.
  void entered(Node& to) noexcept {
    if (to.is_main()) {
      running_tealet = enclosing_;
      expected_ = expected_in_main_;
    } else {
      expected_ = running_tealet = &to;
    }
  }

  // Whether the domain may be in use from a tealet of another domain, which runs inside this one's
  // running tealet. check() sets it, forget_use_from_inside() resets it.
  bool used_from_inside() const noexcept { return used_from_inside_; }
  void forget_use_from_inside() noexcept { used_from_inside_ = false; }

  // Makes `tealet` the innermost running one of this thread. Only a face can know which one it is
  // when another library switches C stacks, too.
  static void correct_running(Node& tealet) noexcept { running_tealet = &tealet; }

  // The tealet that `tealet` runs inside of, while it runs; `ambient` if it is in none.
  static Node* enclosing(const Node& tealet) noexcept;

  // The thread that opened the domain; nullptr once it is closed.
  const ThreadContext* thread() const noexcept { return thread_; }
  // Of an open domain: whether the tealet in which it was opened is gone, without having closed it.
  bool orphaned() const noexcept { return thread_ != nullptr && home_ == nullptr; }
  // The tealet of another domain in which this one was opened; nullptr if there is none.
  const Node* outer() const noexcept {
    return home_ != nullptr && home_->domain() != nullptr ? home_ : nullptr;
  }
  // Whether this domain was opened in `tealet`, or in a tealet of a domain that was; or runs there.
  bool is_inside(const Node* tealet) const noexcept;

  // A domain that was opened in `tealet`, one of this domain's, and is to be closed when that ends;
  // nullptr if there is none.
  Domain* to_close_in(const Node& tealet) const noexcept;
  // `tealet`, one of this domain's, is gone. It does not run, unless another library has moved the
  // C stack away while it did.
  void forget(const Node& tealet) const noexcept {
    if (TEALET_UNLIKELY(running_tealet == &tealet)) running_tealet = enclosing_;
  }
  // Makes the domains that were opened in `tealet`, which is gone, stranded.
  void orphan(const Node& tealet) noexcept;

  // Aborts if an invariant is broken: see Domain::verify().
  void verify() const noexcept;

 private:
  Errc check_enclosing() const noexcept;
  bool is_active() const noexcept;
  // While the domain is active, its running tealet; while it is idle, where it was opened.
  Node* place() const noexcept;
  void leave_moved() const noexcept;
  Errc outside_or_moved() const noexcept;
  void unlink() noexcept;
  bool inner_places_hold() const noexcept;

  Domain& self_;
  ThreadContext* thread_ = nullptr;  // one of its owners
  std::uint64_t opened_ = 0;         // counts the domains that its thread opened
  Node* home_ = nullptr;             // where it was opened: a tealet, or the thread's `ambient`
  // What runs while main does; of an idle domain, what ran at its last check.
  mutable Node* enclosing_ = nullptr;
  // What runs if the domain can be used, as far as one comparison tells. While idle: its home, and
  // then `enclosing_` is its home too; or nothing after a use from elsewhere.
  mutable const Node* expected_ = &nowhere;
  mutable const Node* expected_in_main_ = &nowhere;  // `expected_` after the next switch to main

  Domain* inner_ = nullptr;  // the domains opened in tealets of this one
  Domain* next_ = nullptr;   // its neighbours in the list that it is in
  Domain* previous_ = nullptr;
  mutable bool used_from_inside_ = false;

  static const Node nowhere;  // never runs
};

}  // namespace tealet::core
