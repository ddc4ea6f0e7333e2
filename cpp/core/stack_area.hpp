// Memory that tealets run on, and the list of the stacks that are partially in place there.
#pragma once

#include "core/check.hpp"
#include "core/stack.hpp"
#include "port/compiler.hpp"
#include "port/sanitizers.hpp"
#include "port/thread_stack.hpp"

namespace tealet::core {

class Domain;

// One C stack on which tealets of a domain take turns: the thread's. A node has a pointer to its
// area.
//
// Invariants of the list of partially saved stacks: the nearest comes first, and the bytes in place
// of two stacks never overlap. So the list is in the order of addresses.
class StackArea {
 public:
  // What to do with a stack that cannot be saved because there is no memory.
  enum class OnFailure { undo, make_defunct };
  enum class Outcome {
    done,
    made_defunct,  // done, and the owners of some stacks can never be resumed
    failed,        // every stack is as it was
  };

  explicit StackArea(Domain* domain) noexcept : domain_(domain) {}
  StackArea(const StackArea&) = delete;
  StackArea& operator=(const StackArea&) = delete;

  // The area of nodes that belong to no domain.
  static StackArea none;

  Domain* domain() const noexcept { return domain_; }

  // --- the saved stacks ---

  // The stack that `slot` points to never becomes defunct: `slot` is the main tealet's Node::stack.
  void never_defunct(Stack* const& slot) noexcept { never_defunct_ = &slot; }

  // Rules 1 and 4 (domain_switch.cpp): saves everything in place nearer than `up_to`, because it
  // will be overwritten. `resumed`, or nullptr, is the stack that will be restored: with one owner
  // it needs no saving, a shared one is completed. With OnFailure::make_defunct it fails only if
  // that stack or main's cannot be saved.
  Outcome save_up_to(DomainMemory& memory, char* up_to, const Stack* resumed,
                     OnFailure on_failure) noexcept {
    if (!must_save_up_to(up_to, resumed)) return Outcome::done;
    return save_up_to_slow(memory, up_to, resumed, on_failure);
  }
  // Whether save_up_to() has anything to do.
  bool must_save_up_to(const char* up_to, const Stack* resumed) const noexcept {
    return must_be_saved(first_, up_to, resumed);
  }

  // Precondition: `stack` belongs to the tealet that ran last, so nothing in place is nearer.
  void add(Stack& stack) noexcept;
  // Must be called before a stack is restored or freed. Does nothing if it is not in the list.
  void remove(Stack& stack) noexcept;
  // Releases a stack for an owner that will never be resumed.
  void release(DomainMemory& memory, Stack& stack) noexcept;

  // Bytes in place of all partially saved stacks, once for each owner. Walks the list; all of its
  // stacks fit on the C stack at once, so it is short.
  std::size_t bytes_in_place() const noexcept;

  // The stack of a main tealet that pauses and needs no saving.
  Stack& pause_in_place(char* near, char* far) noexcept {
    in_place_.begin(near, far);
    return in_place_;
  }

  // --- bounds ---

  void set_bounds(const port::UsableStack& usable) noexcept { usable_ = usable; }
  // Whether enough is left below `address` to begin a tealet there.
  bool has_space_at(const char* address) const noexcept { return address > usable_.lowest_start; }
  port::StackSpace space_below(const void* address) const noexcept {
    return usable_.space_below(address);
  }
  // No tealet but main has ever had bytes at or above this address.
  const char* highest_far() const noexcept { return highest_far_; }
  void note_far(const char* far) noexcept {
    if (far > highest_far_) highest_far_ = far;
  }

  // The frames of a tealet that is left never clear AddressSanitizer's poison. These functions
  // clear it for the next tealet on those addresses.
#if TEALETPP_ASAN
  void note_near(const char* near) noexcept {
    if (near < deepest_near_) deepest_near_ = near;
  }
  TEALETPP_ALWAYS_INLINE void forget_poison(const char* up_to) const noexcept {
    port::forget_poison(deepest_near_, up_to == unbounded ? highest_far_ : up_to);
  }
#else
  void note_near(const char*) noexcept {}
  void forget_poison(const char*) const noexcept {}
#endif

#if TEALET_CHECKS
  // Aborts if an invariant of the list is broken, or if it has more than `most` stacks: see
  // Domain::verify().
  void verify(std::size_t most) const noexcept;
#endif
  // Whether `stack` is in the list.
  bool lists(const Stack& stack) const noexcept;

 private:
  static bool must_be_saved(const Stack* stack, const char* up_to, const Stack* resumed) noexcept;
  Outcome save_up_to_slow(DomainMemory& memory, char* up_to, const Stack* resumed,
                          OnFailure on_failure) noexcept;
  void undo(DomainMemory& memory, const Stack* failed) noexcept;

  Stack* first_ = nullptr;
  Stack* const* never_defunct_ = nullptr;
  Domain* domain_;
  const char* highest_far_ = nullptr;
  Stack in_place_;
  port::UsableStack usable_;
#if TEALETPP_ASAN
  const char* deepest_near_ = unbounded;
#endif
};

inline void StackArea::add(Stack& stack) noexcept {
  if (stack.complete()) return;
  TEALETPP_CHECK(!stack.listed_ && !stack.defunct_);
  TEALETPP_CHECK(first_ == nullptr || stack.far_ <= first_->edge());
  stack.next_partial_ = first_;
  stack.listed_ = true;
  first_ = &stack;
}

inline void StackArea::remove(Stack& stack) noexcept {
  if (!stack.listed_) return;
  TEALETPP_CHECK(lists(stack));
  Stack** link = &first_;
  // NOLINTNEXTLINE(*.NullDereference): a listed stack is found.
  while (*link != &stack) link = &(*link)->next_partial_;
  *link = stack.next_partial_;
  stack.listed_ = false;
}

inline std::size_t StackArea::bytes_in_place() const noexcept {
  std::size_t bytes = 0;
  for (const Stack* stack = first_; stack != nullptr; stack = stack->next_partial_) {
    bytes += stack->owners_ * stack->in_place();
  }
  return bytes;
}

inline bool StackArea::must_be_saved(const Stack* stack, const char* up_to,
                                     const Stack* resumed) noexcept {
  if (stack == nullptr || stack->edge() >= up_to) return false;
  // The far end of the resumed stack is `up_to`, so every later stack in the list lies beyond that.
  return stack != resumed || stack->shared();
}

}  // namespace tealet::core
