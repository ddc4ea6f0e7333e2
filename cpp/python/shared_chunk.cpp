#include "python/shared_chunk.hpp"

namespace tealetpp {

namespace {

const char this_copy = 0;

}  // namespace

SharedChunk::SharedChunk(std::size_t chunk_size, std::uint64_t domain_number) noexcept
    : size(chunk_size), domain(domain_number), mark_(mark()) {}

std::uintptr_t SharedChunk::mark() const noexcept {
  return ~(reinterpret_cast<std::uintptr_t>(this) ^ reinterpret_cast<std::uintptr_t>(&this_copy));
}

}  // namespace tealetpp
