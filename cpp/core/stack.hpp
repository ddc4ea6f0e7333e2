// A saved stack: the chunks that hold the bytes of one paused execution.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "core/check.hpp"
#include "core/domain_memory.hpp"
#include "port/compiler.hpp"
#include "port/stack_memory.hpp"

namespace tealet::core {

// Stands for the far end of a stack that has none, that is, of a main tealet's.
inline char* const unbounded = reinterpret_cast<char*>(UINTPTR_MAX);

// The header of a further chunk; the bytes follow it. The first chunk is part of the Stack.
struct Chunk {
  Chunk* next;       // the further chunk saved before this one
  std::size_t size;  // bytes of stack data

  char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
};

// The bytes of one paused execution. On a descending stack:
//
//      near                      edge()                        far
//       |---- saved: in chunks ----|---- in place on the C stack ---|
//
// One block holds this header and the first chunk. Duplicates share one stack: each of the tealets
// is an owner, and the last one frees it. The header for a main tealet that needs no saving is in
// the StackArea instead.
class Stack {
 public:
  // Saves the bytes [near, near + size). The rest, up to `far`, stays in place. The new stack has
  // one owner. nullptr if there is no memory.
  static Stack* save(DomainMemory& memory, char* near, char* far, std::size_t size) noexcept;
  // The same in two steps, for `size` > 0: prepare() makes the header in `block`, which has
  // block_size(size) bytes; fill() copies. Precondition of fill(): the bytes are still in place.
  static Stack* prepare(void* block, DomainMemory& memory, char* near, char* far,
                        std::size_t size) noexcept;
  void fill() noexcept { port::copy_stack_bytes(data(), near_, saved_); }
  static constexpr std::size_t block_size(std::size_t saved) noexcept {
    return sizeof(Stack) + saved;
  }

  // The header in a StackArea, without a block. begin() starts a new pause with nothing saved.
  Stack() noexcept : Stack(nullptr, nullptr, 0) { in_own_block_ = false; }
  void begin(char* near, char* far) noexcept {
    TEALETPP_CHECK(!in_own_block_ && !listed_ && saved_ == 0 && further_ == nullptr);
    near_ = near;
    far_ = far;
  }

  // Saves the bytes from edge() up to `up_to` or far() in a further chunk. False if there is no
  // memory; nothing has changed then.
  bool grow(DomainMemory& memory, const char* up_to) noexcept;
  // Frees the newest further chunk. Precondition: its bytes are still in place, or nobody needs
  // them. Cold, because inlined into release() it would take registers in every switch.
  TEALETPP_COLD void ungrow(DomainMemory& memory) noexcept;

  // Copies every saved byte back to its place, and releases the stack for one owner.
  void restore(DomainMemory& memory) noexcept;

  // Adds an owner. Precondition: can_be_shared().
  void share(DomainMemory& memory) noexcept;
  bool can_be_shared() const noexcept { return owners_ < most_owners; }
  // Removes an owner; the last one frees the stack. A defunct stack is released through
  // StackArea::release().
  void release(DomainMemory& memory) noexcept;

  // Its bytes in place are about to be overwritten, so no owner can be resumed any more.
  // The saved bytes stay, and stay counted, until the owners release the stack.
  void make_defunct(DomainMemory& memory) noexcept;
  // Undoes that. Precondition: the bytes are still in place.
  void undo_defunct(DomainMemory& memory) noexcept;

  char* near() const noexcept { return near_; }
  char* far() const noexcept { return far_; }
  char* edge() const noexcept { return near_ + saved_; }
  std::size_t saved() const noexcept { return saved_; }
  // Whether nothing is in place. Never true without a far end.
  bool complete() const noexcept { return edge() == far_; }
  bool shared() const noexcept { return owners_ > 1; }
  bool defunct() const noexcept { return defunct_; }
  std::uint32_t owners() const noexcept { return owners_; }
  std::size_t chunk_count() const noexcept;
  // Chunks that grow() has added.
  std::size_t further_chunk_count() const noexcept;
  // Calls `action` with the size of each chunk in bytes.
  template <class Action>
  void for_each_chunk(Action action) const;
  // Bytes of its blocks, headers included.
  std::size_t block_bytes() const noexcept;
  // far - near; without a far end, edge - near.
  std::size_t extent() const noexcept { return saved_ + in_place(); }
  // Whether this invariant holds: further chunks add up to saved() at most, and saved() is at most
  // far - near.
  bool chunks_add_up() const noexcept;

 private:
  friend class StackArea;  // keeps its list through next_partial_ and listed_

  // The limits of `saved_` and `owners_`. Beyond them an operation fails as if there were no
  // memory.
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
  // Whether restore() and release() can take the fast path: one owner, one chunk at most.
  bool is_single() const noexcept { return owners_ == 1 && further_ == nullptr; }
  void restore_slow(DomainMemory& memory) noexcept;
  // Precondition: is_single().
  void free(DomainMemory& memory) noexcept;
  void unshare(DomainMemory& memory) noexcept;
  // Bytes from edge() to far(): in place; or overwritten, if the stack is defunct.
  std::size_t in_place() const noexcept {
    return far_ == unbounded ? 0 : static_cast<std::size_t>(far_ - edge());
  }

  Stack* next_partial_ = nullptr;
  char* near_;
  char* far_;
  Chunk* further_ = nullptr;  // newest first, which is farthest first
  std::uint32_t saved_;
  std::uint32_t owners_ : 29;
  bool listed_ : 1;  // in the list of its StackArea
  bool defunct_ : 1;
  bool in_own_block_ : 1;
};

// --- the fast path of a switch ---

inline Stack* Stack::prepare(void* block, DomainMemory& memory, char* near, char* far,
                             std::size_t size) noexcept {
  TEALETPP_CHECK(size != 0 && size <= largest && size <= static_cast<std::size_t>(far - near));
  memory.totals.stack_saved(size);
  return ::new (block) Stack(near, far, size);
}

inline void Stack::restore(DomainMemory& memory) noexcept {
  TEALETPP_CHECK(!listed_ && !defunct_);
  if (TEALET_UNLIKELY(!is_single())) {
    restore_slow(memory);
    return;
  }
  if (saved_ != 0) {
    port::copy_stack_bytes(near_, data(), saved_);
    memory.totals.restored(saved_);
  }
  free(memory);
}

inline void Stack::free(DomainMemory& memory) noexcept {
  TEALETPP_CHECK(is_single() && !listed_);
  if (saved_ != 0) {
    memory.totals.stack_freed(saved_);
  } else if (!in_own_block_) {
    return;
  } else {
    memory.totals.empty_stack_freed();
  }
  memory.deallocate(this, block_size(saved_));
}

template <class Action>
void Stack::for_each_chunk(Action action) const {
  std::size_t first = saved_;
  for (const Chunk* chunk = further_; chunk != nullptr; chunk = chunk->next) {
    first -= chunk->size;
    action(chunk->size);
  }
  if (first != 0) action(first);
}

inline std::size_t Stack::chunk_count() const noexcept {
  std::size_t count = 0;
  for_each_chunk([&](std::size_t) { count += 1; });
  return count;
}

inline std::size_t Stack::further_chunk_count() const noexcept {
  std::size_t count = 0;
  for (const Chunk* chunk = further_; chunk != nullptr; chunk = chunk->next) count += 1;
  return count;
}

inline std::size_t Stack::block_bytes() const noexcept {
  std::size_t bytes = saved_ + (in_own_block_ ? sizeof(Stack) : 0);
  for (const Chunk* chunk = further_; chunk != nullptr; chunk = chunk->next) bytes += sizeof(Chunk);
  return bytes;
}

// Each paused tealet has a stack, and there may be ten million of them.
static_assert(sizeof(Stack) == 40 && sizeof(Chunk) == 16);

}  // namespace tealet::core
