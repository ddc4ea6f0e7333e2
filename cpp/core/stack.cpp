#include "core/stack.hpp"

namespace tealet::core {

Stack* Stack::save(DomainMemory& memory, char* near, char* far, std::size_t size) noexcept {
  void* block = size <= largest ? memory.try_allocate(block_size(size)) : nullptr;
  if (block == nullptr) return nullptr;
  if (size == 0) {
    memory.totals.empty_stack_made();
    return ::new (block) Stack(near, far, 0);
  }
  Stack* stack = prepare(block, memory, near, far, size);
  stack->fill();
  return stack;
}

bool Stack::grow(DomainMemory& memory, const char* up_to) noexcept {
  TEALETPP_CHECK(!complete() && !defunct_ && edge() < up_to);
  const auto size = static_cast<std::size_t>((up_to < far_ ? up_to : far_) - edge());
  void* block = size <= largest - saved_ ? memory.try_allocate(sizeof(Chunk) + size) : nullptr;
  if (block == nullptr) return false;
  auto* chunk = ::new (block) Chunk{further_, size};
  port::copy_stack_bytes(chunk->data(), edge(), size);
  memory.totals.chunk_added(owners_, saved_, size);
  further_ = chunk;
  saved_ += static_cast<std::uint32_t>(size);
  return true;
}

void Stack::ungrow(DomainMemory& memory) noexcept {
  TEALETPP_CHECK(further_ != nullptr && further_->size <= saved_);
  Chunk* chunk = further_;
  memory.totals.chunk_removed(owners_, saved_ - chunk->size, chunk->size);
  further_ = chunk->next;
  saved_ -= static_cast<std::uint32_t>(chunk->size);
  memory.deallocate(chunk, sizeof(Chunk) + chunk->size);
}

void Stack::restore_slow(DomainMemory& memory) noexcept {
  // The other owners of a shared stack need the bytes in place, too.
  TEALETPP_CHECK(chunks_add_up() && (!shared() || complete()));
  char* end = edge();
  for (Chunk* chunk = further_; chunk != nullptr; chunk = chunk->next) {
    end -= chunk->size;
    port::copy_stack_bytes(end, chunk->data(), chunk->size);
  }
  port::copy_stack_bytes(near_, data(), static_cast<std::size_t>(end - near_));
  memory.totals.restored(saved_);
  release(memory);
}

void Stack::release(DomainMemory& memory) noexcept {
  if (shared()) {
    unshare(memory);
    return;
  }
  while (further_ != nullptr) ungrow(memory);
  free(memory);
}

void Stack::share(DomainMemory& memory) noexcept {
  TEALETPP_CHECK(can_be_shared() && in_own_block_);
  ++owners_;
  memory.totals.owner_added(saved_);
  if (defunct_) memory.totals.defunct_added(1, in_place());
}

void Stack::unshare(DomainMemory& memory) noexcept {
  --owners_;
  memory.totals.owner_removed(saved_);
}

void Stack::make_defunct(DomainMemory& memory) noexcept {
  TEALETPP_CHECK(!defunct_ && !complete());
  defunct_ = true;
  memory.totals.defunct_added(owners_, in_place());
}

void Stack::undo_defunct(DomainMemory& memory) noexcept {
  TEALETPP_CHECK(defunct_);
  defunct_ = false;
  memory.totals.defunct_removed(owners_, in_place());
}

bool Stack::chunks_add_up() const noexcept {
  std::size_t further = 0;
  for (const Chunk* chunk = further_; chunk != nullptr; chunk = chunk->next) {
    if (chunk->size == 0) return false;
    further += chunk->size;
  }
  return further <= saved_ && saved_ <= static_cast<std::size_t>(far_ - near_);
}

}  // namespace tealet::core
