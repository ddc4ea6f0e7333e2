#include "stack_area.hpp"

namespace tealet::core {

bool StackArea::save_up_to(DomainMemory& memory, char* up_to, const Stack* resumed,
                           OnFailure on_failure) noexcept {
  Stack* stack = first_;
  for (; must_be_saved(stack, up_to, resumed); stack = stack->next_partial_) {
    if (stack->grow(memory, up_to)) continue;
    const bool may_be_lost = stack != resumed && stack != *never_lost_;
    if (on_failure == OnFailure::undo || !may_be_lost) {
      undo(memory, stack);
      return false;
    }
    stack->lose(memory);
  }
  // What reached its far end, or never will, is partially saved no more.
  while (first_ != stack && (first_->complete() || first_->lost_)) {
    first_->listed_ = false;
    first_ = first_->next_partial_;
  }
  return true;
}

void StackArea::let_go(DomainMemory& memory, Stack& stack) noexcept {
  if (!stack.shared()) remove(stack);
  if (stack.lost_) memory.totals.lost_no_more(1, stack.in_place());
  stack.release(memory);
}

void StackArea::undo(DomainMemory& memory, const Stack* failed) noexcept {
  for (Stack* grown = first_; grown != failed; grown = grown->next_partial_) {
    if (grown->lost_) {
      grown->regain(memory);
    } else {
      grown->ungrow(memory);
    }
  }
}

}  // namespace tealet::core
