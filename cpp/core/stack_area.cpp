#include "core/stack_area.hpp"

namespace tealet::core {

StackArea StackArea::none{nullptr};

StackArea::Outcome StackArea::save_up_to_slow(DomainMemory& memory, char* up_to,
                                              const Stack* resumed, OnFailure on_failure) noexcept {
  Outcome outcome = Outcome::done;
  Stack* stack = first_;
  for (; must_be_saved(stack, up_to, resumed); stack = stack->next_partial_) {
    if (stack->grow(memory, up_to)) continue;
    const bool may_be_defunct = stack != resumed && stack != *never_defunct_;
    if (on_failure == OnFailure::undo || !may_be_defunct) {
      undo(memory, stack);
      return Outcome::failed;
    }
    stack->make_defunct(memory);
    outcome = Outcome::made_defunct;
  }
  // Complete and defunct stacks are not partially saved.
  while (first_ != stack && (first_->complete() || first_->defunct_)) {
    first_->listed_ = false;
    first_ = first_->next_partial_;
  }
  return outcome;
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

void StackArea::release(DomainMemory& memory, Stack& stack) noexcept {
  if (!stack.shared()) remove(stack);
  if (stack.defunct_) memory.totals.defunct_removed(1, stack.in_place());
  stack.release(memory);
}

bool StackArea::lists(const Stack& stack) const noexcept {
  const Stack* listed = first_;
  while (listed != nullptr && listed != &stack) listed = listed->next_partial_;
  return listed != nullptr;
}

#if TEALET_CHECKS

void StackArea::verify(std::size_t most) const noexcept {
  std::size_t count = 0;
  const char* end = nullptr;  // of the stack before, in place
  for (const Stack* stack = first_; stack != nullptr; stack = stack->next_partial_) {
    ++count;
    TEALETPP_CHECK(count <= most);
    TEALETPP_CHECK(stack->listed_ && !stack->defunct_ && !stack->complete());
    TEALETPP_CHECK(end <= stack->edge());
    end = stack->far_;
  }
}

#endif  // TEALET_CHECKS

}  // namespace tealet::core
