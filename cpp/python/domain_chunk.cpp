#include "python/domain_chunk.hpp"

namespace tealetpp {

namespace {

const char this_copy = 0;

}  // namespace

DomainChunk::DomainChunk(std::size_t chunk_size, std::uint64_t domain_number, bool shared) noexcept
    : size(chunk_size), domain(domain_number), is_shared(shared), mark_(mark()) {}

std::uintptr_t DomainChunk::mark() const noexcept {
  return ~(reinterpret_cast<std::uintptr_t>(this) ^ reinterpret_cast<std::uintptr_t>(&this_copy));
}

}  // namespace tealetpp
