#include "stack_area.hpp"

namespace tealet::core {

bool StackArea::make_room(CountingAllocator& memory, Totals& totals, char* up_to,
                          const Stack* resumed, OnFailure on_failure) noexcept {
  Stack* stack = first_;
  for (; must_be_saved(stack, up_to, resumed); stack = stack->next_partial_) {
    if (stack->grow(memory, totals, up_to)) continue;
    const bool may_be_lost = stack != resumed && stack != *never_lost_;
    if (on_failure == OnFailure::undo || !may_be_lost) {
      undo(memory, totals, stack);
      return false;
    }
    stack->lose();
  }
  // What reached its far end, or never will, is partially saved no more.
  while (first_ != stack && (first_->complete() || first_->lost_)) {
    first_->listed_ = false;
    first_ = first_->next_partial_;
  }
  return true;
}

void StackArea::undo(CountingAllocator& memory, Totals& totals, const Stack* failed) noexcept {
  for (Stack* grown = first_; grown != failed; grown = grown->next_partial_) {
    if (grown->lost_) {
      grown->lost_ = false;
    } else {
      grown->ungrow(memory, totals);
    }
  }
}

}  // namespace tealet::core
