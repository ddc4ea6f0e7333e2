// Shrinking a block of malloc() without moving it.
#pragma once

#include <cstddef>

namespace tealet::port {

// Whether shrink_in_place() works in this process. The C standard lets realloc() move a block, and
// most allocators do so when a block shrinks a lot. That of glibc does not.
bool can_shrink_in_place() noexcept;

// Returns all but the first `bytes` bytes of a block of malloc(). Precondition:
// can_shrink_in_place(), and `bytes` is not more than the block has.
void shrink_in_place(void* block, std::size_t bytes) noexcept;

}  // namespace tealet::port
