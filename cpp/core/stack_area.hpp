// One C stack on which tealets take turns, and a list of those whose bytes are partly still there.
#pragma once

#include "core/stack.hpp"

namespace tealet::core {

// Keeps the partially saved stacks, the nearest in place first. What is in place of one never
// overlaps what is in place of another, so their order is the order of their addresses.
class StackArea {
 public:
  // Whether a stack that could not be saved fails the whole operation or is lost.
  enum class OnFailure { undo, make_defunct };

  // The stack in `slot`, if there is one, is never lost: the main tealet's.
  void never_defunct(Stack* const& slot) noexcept { never_defunct_ = &slot; }

  // Rules 1 and 4 (domain_switch.cpp): saves everything that will be overwritten once a tealet runs
  // nearer than `up_to`. `resumed` is the stack that will be restored then, or nullptr; with one
  // owner it needs no saving, shared it is completed. False when memory ran out: every stack is as
  // it was. With OnFailure::make_defunct, false only if the stack that could not be saved must not
  // be lost.
  bool save_up_to(DomainMemory& memory, char* up_to, const Stack* resumed,
                  OnFailure on_failure) noexcept {
    return !must_save_up_to(up_to, resumed) || save_up_to_slow(memory, up_to, resumed, on_failure);
  }

  // `stack` belongs to the tealet that ran last, so nothing in place is nearer.
  void add(Stack& stack) noexcept;
  // Before a stack is resumed or freed. Does nothing for one that is complete.
  void remove(Stack& stack) noexcept;
  // Releases a stack for an owner that is gone without having been resumed.
  void release(DomainMemory& memory, Stack& stack) noexcept;

  // What is in place of partially saved stacks, once for each owner. It walks the list, which is no
  // longer than what fits on the C stack at once.
  std::size_t bytes_in_place() const noexcept;

  // Whether make_room() has anything to do.
  bool must_save_up_to(const char* up_to, const Stack* resumed) const noexcept {
    return must_be_saved(first_, up_to, resumed);
  }

 private:
  static bool must_be_saved(const Stack* stack, const char* up_to, const Stack* resumed) noexcept;
  bool save_up_to_slow(DomainMemory& memory, char* up_to, const Stack* resumed,
                       OnFailure on_failure) noexcept;
  void undo(DomainMemory& memory, const Stack* failed) noexcept;

  Stack* first_ = nullptr;
  Stack* const* never_defunct_ = nullptr;
};

inline void StackArea::add(Stack& stack) noexcept {
  if (stack.complete()) return;
  stack.next_partial_ = first_;
  stack.listed_ = true;
  first_ = &stack;
}

inline void StackArea::remove(Stack& stack) noexcept {
  if (!stack.listed_) return;
  Stack** link = &first_;
  // NOLINTNEXTLINE(*.NullDereference): what is listed is found.
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
  // The resumed stack reaches exactly up to there, so nothing beyond it in the list is nearer.
  return stack != resumed || stack->shared();
}

}  // namespace tealet::core
