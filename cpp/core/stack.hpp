// A saved stack: the chunks that hold the bytes of one paused execution.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "core/domain_memory.hpp"
#include "port/compiler.hpp"
#include "port/stack_memory.hpp"

namespace tealet::core {

// The far end of a stack that has none: a main tealet's.
inline char* const unbounded = reinterpret_cast<char*>(UINTPTR_MAX);

// A piece of a stack that was saved after the first one. Its bytes follow the header.
struct Chunk {
  Chunk* next;       // the chunk saved before this one; the first chunk is part of the Stack
  std::size_t size;  // bytes of stack data

  char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
};

// The bytes of one paused execution, from its near end up. A descending stack lies like this:
//
//      near                      edge()                        far
//       |---- saved: in chunks ----|---- in place on the C stack ---|
//
// One block holds this header and the first chunk. But a main tealet of which nothing had to be
// saved has its header in the Domain. Several tealets may own one stack (duplicates); the last one
// to go frees it.
class Stack {
 public:
  // Copies [near, near + size) of the C stack into a new stack with one owner, or returns nullptr
  // if there is no memory. `size` may be zero: everything is in place then.
  static Stack* save(DomainMemory& memory, char* near, char* far, std::size_t size) noexcept;
  // The same in two steps: in a block of block_size(size) bytes of `memory`, and `size` is not
  // zero. The bytes are copied by fill(), before anything overwrites them.
  static Stack* prepare(void* block, DomainMemory& memory, char* near, char* far,
                        std::size_t size) noexcept;
  void fill() noexcept { port::copy_stack_bytes(data(), near_, saved_); }
  static constexpr std::size_t block_size(std::size_t saved) noexcept {
    return sizeof(Stack) + saved;
  }

  // A main tealet's, in the Domain: nothing is saved at first, and it is begun again after each
  // release.
  Stack() noexcept : Stack(nullptr, nullptr, 0) { in_own_block_ = false; }
  void begin(char* near, char* far) noexcept { near_ = near, far_ = far; }

  // Copies what lies between edge() and `up_to` into a further chunk. False if there is no memory:
  // nothing has changed then.
  bool grow(DomainMemory& memory, const char* up_to) noexcept;
  // Frees the chunk that the last grow() made, whose bytes are still in place or wanted no more.
  // Cold, or compilers take it into release(), where it would cost every switch registers.
  TEALETPP_COLD void ungrow(DomainMemory& memory) noexcept;

  // Copies every saved byte back to where it was taken from, and releases the stack.
  void restore(DomainMemory& memory) noexcept;

  // One more tealet owns this stack, or one fewer; with the last one the stack is freed. One that
  // is lost is released through StackArea::let_go(). share() only if can_be_shared().
  bool can_be_shared() const noexcept { return owners_ < most_owners; }
  void share(DomainMemory& memory) noexcept;
  void release(DomainMemory& memory) noexcept;

  // Bytes that could not be saved are about to be overwritten: no owner can ever be resumed. What
  // is saved stays, and stays counted, until the owners let go of it.
  void make_defunct(DomainMemory& memory) noexcept;
  // They were not overwritten after all.
  void undo_defunct(DomainMemory& memory) noexcept;

  char* near() const noexcept { return near_; }
  char* edge() const noexcept { return near_ + saved_; }
  std::size_t saved() const noexcept { return saved_; }
  // Never true without a far end.
  bool complete() const noexcept { return edge() == far_; }
  bool shared() const noexcept { return owners_ > 1; }
  bool defunct() const noexcept { return defunct_; }
  std::uint32_t owners() const noexcept { return owners_; }
  std::size_t chunk_count() const noexcept;
  // far - near. Without a far end, the furthest byte that had to be saved stands for it.
  std::size_t extent() const noexcept { return saved_ + in_place(); }

 private:
  friend class StackArea;  // keeps its list through next_partial_ and listed_

  // What fits into `saved_` and `owners_`. More is refused, as if there was no memory for it.
  static constexpr std::size_t largest = UINT32_MAX;
  static constexpr std::uint32_t most_owners = (std::uint32_t{1} << 29) - 1;

  Stack(char* near, char* far, std::size_t size) noexcept
      : near_(near),
        far_(far),
        saved_(static_cast<std::uint32_t>(size)),
        owners_(1),
        listed_(false),
        defunct_(false),
        in_own_block_(true) {}
  char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
  bool is_single_block() const noexcept { return owners_ == 1 && further_ == nullptr; }
  void restore_all_chunks(DomainMemory& memory) noexcept;
  // One that is_single_block() is freed.
  void free(DomainMemory& memory) noexcept;
  void unshare(DomainMemory& memory) noexcept;
  // What there is of extent() beyond edge(): in place, or lost.
  std::size_t in_place() const noexcept {
    return far_ == unbounded ? 0 : static_cast<std::size_t>(far_ - edge());
  }

  Stack* next_partial_ = nullptr;
  char* near_;
  char* far_;
  Chunk* further_ = nullptr;  // newest first, which is farthest first
  std::uint32_t saved_;
  std::uint32_t owners_ : 29;
  bool listed_ : 1;
  bool defunct_ : 1;
  bool in_own_block_ : 1;
};

// What every switch does.

inline Stack* Stack::prepare(void* block, DomainMemory& memory, char* near, char* far,
                             std::size_t size) noexcept {
  memory.totals.stack_saved(size);
  return ::new (block) Stack(near, far, size);
}

inline void Stack::restore(DomainMemory& memory) noexcept {
  if (TEALET_UNLIKELY(!is_single_block())) {
    restore_all_chunks(memory);
    return;
  }
  if (saved_ != 0) port::copy_stack_bytes(near_, data(), saved_);
  free(memory);
}

inline void Stack::free(DomainMemory& memory) noexcept {
  if (saved_ != 0) {
    memory.totals.stack_freed(saved_);
  } else if (!in_own_block_) {
    return;
  }
  memory.deallocate(this, block_size(saved_));
}

inline std::size_t Stack::chunk_count() const noexcept {
  std::size_t count = 0;
  std::size_t first = saved_;
  for (const Chunk* chunk = further_; chunk != nullptr; chunk = chunk->next) {
    first -= chunk->size;
    count += 1;
  }
  return count + (first != 0);
}

// One parked tealet has one of these, and there may be ten million of them.
static_assert(sizeof(Stack) == 40 && sizeof(Chunk) == 16);

}  // namespace tealet::core
