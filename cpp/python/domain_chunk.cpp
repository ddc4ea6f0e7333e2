#include "python/domain_chunk.hpp"

namespace tealetpp {

namespace {

const char this_copy = 0;

}  // namespace

DomainChunk::DomainChunk(std::size_t chunk_size, SharedDataStack& its_owner, bool shared) noexcept
    : size(chunk_size), owner(&its_owner), is_shared(shared), mark_(mark()) {}

std::uintptr_t DomainChunk::mark() const noexcept {
  return ~(reinterpret_cast<std::uintptr_t>(this) ^ reinterpret_cast<std::uintptr_t>(&this_copy));
}

}  // namespace tealetpp
