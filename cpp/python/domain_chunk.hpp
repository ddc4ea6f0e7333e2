// A chunk of a data stack in memory of a domain.
//
// It is recognised by its address and by what lies in front of it. So a chunk of another allocator,
// or of another copy of this code, is never taken for ours.
#pragma once

#include <cstddef>
#include <cstdint>

#include "python/cpython/data_stack.hpp"

namespace tealetpp {

class SharedDataStack;

// Lies in front of the chunk, in the same block. A chunk lies 8 bytes beyond a multiple of 16. For
// any such address, whoever owns it, the 8 bytes in front of it are on the same page and can be
// read.
class DomainChunk {
 public:
  // In a block of block_size(size) bytes.
  DomainChunk(std::size_t size, SharedDataStack& owner, bool is_shared) noexcept;
  ~DomainChunk() { mark_ = 0; }
  DomainChunk(const DomainChunk&) = delete;
  DomainChunk& operator=(const DomainChunk&) = delete;

  // nullptr if `chunk` is none of ours.
  static DomainChunk* of(const DataStackChunk* chunk) noexcept {
    if (reinterpret_cast<std::uintptr_t>(chunk) % 16 != 8) return nullptr;
    auto* const found = reinterpret_cast<DomainChunk*>(const_cast<DataStackChunk*>(chunk)) - 1;
    return found->mark_ == found->mark() ? found : nullptr;
  }
  // nullptr if the tealets of `owner`'s domain do not share `chunk`.
  static DomainChunk* shared_in(const SharedDataStack& owner,
                                const DataStackChunk* chunk) noexcept {
    DomainChunk* const found = of(chunk);
    return found != nullptr && found->is_shared && found->owner == &owner ? found : nullptr;
  }
  DataStackChunk* chunk() noexcept { return reinterpret_cast<DataStackChunk*>(this + 1); }

  static std::size_t block_size(std::size_t size) noexcept {
    return (sizeof(DomainChunk) + size + 15) / 16 * 16;
  }

  const std::size_t size;  // of the chunk
  SharedDataStack* owner;  // nullptr once it is destroyed
  // Whether the tealets of the domain share it. Otherwise it is for one execution, whose frames
  // stay in it.
  const bool is_shared;
  // Whether CPython has it in a data stack now.
  bool in_use = false;
  // How many tealets have frames in it, in place or saved. Saved frames return to it.
  std::uint32_t users = 0;
  DomainChunk* next = nullptr;

 private:
  // No other memory has it: it depends on the address of the chunk and on that of this copy of the
  // code.
  std::uintptr_t mark() const noexcept;

  std::uintptr_t mark_;
};
static_assert(sizeof(DomainChunk) % 16 == 8);

}  // namespace tealetpp
