// A saved stack: the chunks that hold the bytes of one paused execution.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "domain_memory.hpp"
#include "stack_memory.hpp"

namespace tealet::core {

// The far end of a stack that has none: a main tealet's.
inline char* const unbounded = reinterpret_cast<char*>(UINTPTR_MAX);

// A piece of a stack that was saved after the first one. Its bytes follow the header.
struct Chunk {
  Chunk* next;       // the chunk saved before this one; the first chunk is part of the Stack
  std::size_t size;  // bytes of stack data

  char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
};

// Room for a stack of which nothing is saved.
struct UnsavedStack;

// The bytes of one paused execution, from its near end up. A descending stack lies like this:
//
//      near                      edge()                        far
//       |---- saved: in chunks ----|---- in place on the C stack ---|
//
// One block holds this header and the first chunk. Several tealets may own one stack (duplicates);
// the last one to go frees it.
class Stack {
 public:
  // Copies [near, near + size) of the C stack into a new stack with one owner, or returns nullptr
  // if there is no memory. `size` may be zero: everything is in place then.
  static Stack* save(DomainMemory& memory, char* near, char* far, std::size_t size) noexcept;
  // The same in `block`, which memory has given for it: block_size(size) bytes.
  static Stack* save_in(void* block, DomainMemory& memory, char* near, char* far,
                        std::size_t size) noexcept;
  // The same with nothing saved yet, in `place`, which stays with the caller.
  static Stack* save_nothing(UnsavedStack& place, char* near, char* far) noexcept;

  static constexpr std::size_t block_size(std::size_t saved) noexcept;

  // Copies what lies between edge() and `up_to` into a further chunk. False if there is no memory:
  // nothing has changed then.
  bool grow(DomainMemory& memory, const char* up_to) noexcept;
  // Frees the chunk that the last grow() made, whose bytes are still in place or wanted no more.
  // Cold, or compilers take it into release(), where it would cost every switch registers.
  [[gnu::cold]] void ungrow(DomainMemory& memory) noexcept;

  // Copies every saved byte back to where it was taken from.
  void restore() noexcept;

  // One more tealet owns this stack, or one fewer; with the last one the stack is freed. One that
  // is lost is released through StackArea::let_go().
  void share(DomainMemory& memory) noexcept;
  void release(DomainMemory& memory) noexcept;

  // Bytes that could not be saved are about to be overwritten: no owner can ever be resumed. What
  // is saved stays, and stays counted, until the owners let go of it.
  void lose(DomainMemory& memory) noexcept;
  // They were not overwritten after all.
  void regain(DomainMemory& memory) noexcept;

  char* near() const noexcept { return near_; }
  char* far() const noexcept { return far_; }
  char* edge() const noexcept { return near_ + saved_; }
  std::size_t saved() const noexcept { return saved_; }
  // Never true without a far end.
  bool complete() const noexcept { return edge() == far_; }
  bool shared() const noexcept { return owners_ > 1; }
  bool lost() const noexcept { return lost_; }
  std::uint32_t owners() const noexcept { return owners_; }
  std::size_t chunk_count() const noexcept;
  // far - near. Without a far end, the furthest byte that had to be saved stands for it.
  std::size_t extent() const noexcept { return saved_ + in_place(); }

 private:
  friend class StackArea;  // keeps its list through next_partial_ and listed_

  Stack(char* near, char* far, std::size_t size) noexcept : near_(near), far_(far), saved_(size) {}
  char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
  // Copies back what further chunks hold; returns where that begins.
  char* restore_further() noexcept;
  void unshare(DomainMemory& memory) noexcept;
  // What there is of extent() beyond edge(): in place, or lost.
  std::size_t in_place() const noexcept {
    return far_ == unbounded ? 0 : static_cast<std::size_t>(far_ - edge());
  }

  Stack* next_partial_ = nullptr;
  char* near_;
  char* far_;
  std::size_t saved_;
  Chunk* further_ = nullptr;  // newest first, which is farthest first
  std::uint32_t owners_ = 1;
  bool listed_ = false;
  bool lost_ = false;
  bool in_own_block_ = true;
};

struct UnsavedStack {
  alignas(Stack) std::byte bytes[sizeof(Stack)];
};

// What every switch does.

constexpr std::size_t Stack::block_size(std::size_t saved) noexcept {
  return sizeof(Stack) + saved;
}

inline Stack* Stack::save(DomainMemory& memory, char* near, char* far, std::size_t size) noexcept {
  void* block = memory.take(block_size(size));
  return block != nullptr ? save_in(block, memory, near, far, size) : nullptr;
}

inline Stack* Stack::save_in(void* block, DomainMemory& memory, char* near, char* far,
                             std::size_t size) noexcept {
  auto* stack = ::new (block) Stack(near, far, size);
  if (size != 0) {
    memory.totals.stack_saved(size);
    copy_stack_bytes(stack->data(), near, size);
  }
  return stack;
}

inline Stack* Stack::save_nothing(UnsavedStack& place, char* near, char* far) noexcept {
  auto* stack = ::new (place.bytes) Stack(near, far, 0);
  stack->in_own_block_ = false;
  return stack;
}

inline void Stack::restore() noexcept {
  if (saved_ == 0) return;
  const char* end = further_ == nullptr ? edge() : restore_further();
  copy_stack_bytes(near_, data(), static_cast<std::size_t>(end - near_));
}

inline void Stack::release(DomainMemory& memory) noexcept {
  if (__builtin_expect(owners_ != 1 || further_ != nullptr, 0)) {
    if (shared()) {
      unshare(memory);
      return;
    }
    while (further_ != nullptr) ungrow(memory);
  }
  if (saved_ != 0) {
    memory.totals.stack_freed(saved_);
  } else if (!in_own_block_) {
    return;
  }
  memory.give(this, block_size(saved_));
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

static_assert(
    sizeof(Stack) % 16 == 0 && sizeof(Chunk) % 16 == 0,
    "stack data starts 16-byte aligned; block sizes are multiples of 16 where far ends are");

}  // namespace tealet::core
