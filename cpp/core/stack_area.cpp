#include "core/stack_area.hpp"

namespace tealet::core {

bool StackArea::save_up_to_slow(DomainMemory& memory, char* up_to, const Stack* resumed,
                                OnFailure on_failure) noexcept {
  Stack* stack = first_;
  for (; must_be_saved(stack, up_to, resumed); stack = stack->next_partial_) {
    if (stack->grow(memory, up_to)) continue;
    const bool may_be_defunct = stack != resumed && stack != *never_defunct_;
    if (on_failure == OnFailure::undo || !may_be_defunct) {
      undo(memory, stack);
      return false;
    }
    stack->make_defunct(memory);
  }
  // What reached its far end, or never will, is partially saved no more.
  while (first_ != stack && (first_->complete() || first_->defunct_)) {
    first_->listed_ = false;
    first_ = first_->next_partial_;
  }
  return true;
}

void StackArea::release(DomainMemory& memory, Stack& stack) noexcept {
  if (!stack.shared()) remove(stack);
  if (stack.defunct_) memory.totals.defunct_removed(1, stack.in_place());
  stack.release(memory);
}

void StackArea::undo(DomainMemory& memory, const Stack* failed) noexcept {
  for (Stack* grown = first_; grown != failed; grown = grown->next_partial_) {
    if (grown->defunct_) {
      grown->undo_defunct(memory);
    } else {
      grown->ungrow(memory);
    }
  }
}

}  // namespace tealet::core
