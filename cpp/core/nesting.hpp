// Nested domains: which domain was opened in which tealet, and which can be used here and now.
//
// The enclosing tealet of a domain is the tealet of another domain in which it was opened. The
// domain is part of that tealet's execution: its bytes on the C stack move with that tealet's. So
// it can be used only while that tealet runs.
//
// A domain is active while one of its tealets other than main runs, and idle otherwise. An idle
// domain has nothing in place on the C stack: a switch to main completes every other stack.
#pragma once

#include <tealet/cxx/error.hpp>

#include <cstdint>

#include "core/linked_list.hpp"
#include "core/node.hpp"
#include "core/thread_context.hpp"
#include "port/compiler.hpp"

namespace tealet::core {

class Domain;

class Nesting {
 public:
  explicit Nesting(Domain& self) noexcept : self_(self) {}

  // The domain is opened, inside the running tealet of this thread.
  void join(ThreadContext& thread) noexcept;
  // The domain is closed, on any thread.
  void leave() noexcept;

  // Fast path of check(). False does not mean that it fails.
  bool is_usable_fast() const noexcept { return expected_ == running_tealet; }
  // Whether the domain can be used here and now.
  // - Errc::thread: this is another thread.
  // - Errc::outside: the domain is not open; or its enclosing tealet does not run, or runs an older
  //   domain that has paused this one's main tealet.
  // - Errc::moved: its running tealet, or an enclosing one, is not on the C stack, though no switch
  //   of ours has paused it. See correct_running().
  Errc check() const noexcept { return is_usable_fast() ? Errc::ok : check_enclosing(); }

  // `to` becomes the running tealet of the domain.
  void entered(Node& to) noexcept {
    if (to.is_main()) {
      running_tealet = entered_from_;
      expected_ = expected_in_main_;
    } else {
      expected_ = running_tealet = &to;
    }
  }

  // Whether the domain may be in use from a tealet of another domain, which runs inside this
  // domain's running tealet. check() sets it, reset_used_from_inside() resets it.
  bool used_from_inside() const noexcept { return used_from_inside_; }
  void reset_used_from_inside() noexcept { used_from_inside_ = false; }

  // Makes `tealet` the innermost running tealet of this thread. For an API that knows which tealet
  // runs although another library switches C stacks, too.
  static void correct_running(Node& tealet) noexcept { running_tealet = &tealet; }

  // The tealet that ran when the domain of `tealet` became active: its enclosing tealet, or one of
  // a domain nested in that; the thread's `ambient` if none ran. Precondition: `tealet` runs.
  static Node* entered_from(const Node& tealet) noexcept;
  // The same for a domain. Precondition: it is active.
  Node* entered_from() const noexcept { return entered_from_; }

  // The thread that opened the domain; nullptr once it is closed.
  const ThreadContext* thread() const noexcept { return thread_; }
  // Whether the domain is open, and its enclosing tealet was freed or has ended without closing it.
  bool orphaned() const noexcept { return thread_ != nullptr && opened_in_ == nullptr; }
  // The enclosing tealet; nullptr if there is none.
  const Node* enclosing_tealet() const noexcept {
    return opened_in_ != nullptr && opened_in_->domain() != nullptr ? opened_in_ : nullptr;
  }
  // Whether `tealet` encloses this domain, directly or through other domains.
  bool is_inside(const Node* tealet) const noexcept;

  // The next domain to close when `tealet`, one of this domain's, ends: one that was opened in it.
  // nullptr if none is left.
  Domain* to_close_in(const Node& tealet) const noexcept;
  // `tealet`, one of this domain's, is about to be freed. It is the running one only if another
  // library moved the C stack away while it ran.
  void forget(const Node& tealet) const noexcept {
    if (TEALET_UNLIKELY(running_tealet == &tealet)) running_tealet = entered_from_;
  }
  // The domain is not entered from `tealet` any more, but from what that was entered from. Called
  // before `tealet` is freed while it runs. Precondition: another library has moved the C stack
  // away, or the thread is ending, so that nothing returns to `tealet`.
  void skip_entered_from(const Node& tealet) noexcept {
    if (entered_from_ == &tealet) entered_from_ = entered_from(tealet);
  }
  // Orphans the domains that were opened in `tealet`, which has ended or is about to be freed.
  void orphan(const Node& tealet) noexcept;

  // Aborts if an invariant is broken: see Domain::verify().
  void verify() const noexcept;

 private:
  Errc check_enclosing() const noexcept;
  bool is_active() const noexcept;
  // The tealet that must be running for the domain to be usable: while the domain is active, its
  // running tealet; while it is idle, the one in which it was opened.
  Node* required() const noexcept;
  void skip_moved() const noexcept;
  Errc outside_or_moved() const noexcept;
  void unlink() noexcept;
  bool inner_places_hold() const noexcept;

  Domain& self_;
  ThreadContext* thread_ = nullptr;  // the domain is one of its owners
  std::uint64_t opened_ = 0;         // number of the domain among those that its thread opened
  Node* opened_in_ = nullptr;        // the enclosing tealet, or the thread's `ambient`
  // While active: what ran before main was left, and runs again when main does. While idle: what
  // ran at the last check.
  mutable Node* entered_from_ = nullptr;
  // If this equals running_tealet, the domain can be used. While idle it is `opened_in_`, provided
  // that `entered_from_` is that too; otherwise, after a use from further inside, `never_runs`.
  mutable const Node* expected_ = &never_runs;
  mutable const Node* expected_in_main_ = &never_runs;  // `expected_` after the switch to main

  Links<Nesting> neighbours_;
  LinkedList<Nesting, &Nesting::neighbours_> inner_;  // domains opened in tealets of this one
  mutable bool used_from_inside_ = false;

  static const Node never_runs;
};

}  // namespace tealet::core
