#include "stack.hpp"

#include <new>

#include "stack_memory.hpp"

namespace tealet::core {

Stack* Stack::save(CountingAllocator& memory, Totals& totals, char* near, char* far,
                   std::size_t size) noexcept {
  void* block = memory.take(sizeof(Stack) + size);
  if (block == nullptr) return nullptr;
  auto* stack = ::new (block) Stack(near, far, size);
  if (size != 0) {
    copy_stack_bytes(stack->data(), near, size);
    totals.chunk_added(1, 0, size);
  }
  totals.paused(1, stack->extent());
  return stack;
}

bool Stack::grow(CountingAllocator& memory, Totals& totals, const char* up_to) noexcept {
  const auto size = static_cast<std::size_t>((up_to < far_ ? up_to : far_) - edge());
  void* block = memory.take(sizeof(Chunk) + size);
  if (block == nullptr) return false;
  auto* chunk = ::new (block) Chunk{further_, size};
  copy_stack_bytes(chunk->data(), edge(), size);
  totals.unpaused(owners_, extent());
  totals.chunk_added(owners_, saved_, size);
  further_ = chunk;
  saved_ += size;
  totals.paused(owners_, extent());
  return true;
}

void Stack::ungrow(CountingAllocator& memory, Totals& totals) noexcept {
  Chunk* chunk = further_;
  totals.unpaused(owners_, extent());
  totals.chunk_removed(owners_, saved_ - chunk->size, chunk->size);
  further_ = chunk->next;
  saved_ -= chunk->size;
  totals.paused(owners_, extent());
  memory.give(chunk, sizeof(Chunk) + chunk->size);
}

void Stack::restore() noexcept {
  char* end = edge();
  for (Chunk* chunk = further_; chunk != nullptr; chunk = chunk->next) {
    end -= chunk->size;
    copy_stack_bytes(end, chunk->data(), chunk->size);
  }
  copy_stack_bytes(near_, data(), static_cast<std::size_t>(end - near_));
}

void Stack::share(Totals& totals) noexcept {
  owners_ += 1;
  totals.paused(1, extent());
  totals.owner_added(saved_);
}

void Stack::release(CountingAllocator& memory, Totals& totals) noexcept {
  totals.unpaused(1, extent());
  owners_ -= 1;
  if (owners_ != 0) {
    totals.owner_removed(saved_);
    return;
  }
  const std::size_t first = first_size();
  if (saved_ != 0) totals.chunks_freed(chunk_count(), saved_);
  while (Chunk* chunk = further_) {
    further_ = chunk->next;
    memory.give(chunk, sizeof(Chunk) + chunk->size);
  }
  memory.give(this, sizeof(Stack) + first);
}

std::size_t Stack::chunk_count() const noexcept {
  std::size_t count = first_size() != 0;
  for (const Chunk* chunk = further_; chunk != nullptr; chunk = chunk->next) ++count;
  return count;
}

std::size_t Stack::first_size() const noexcept {
  std::size_t size = saved_;
  for (const Chunk* chunk = further_; chunk != nullptr; chunk = chunk->next) size -= chunk->size;
  return size;
}

}  // namespace tealet::core
