#include "python/chunk_cache.hpp"

#include <cstddef>
#include <utility>

#include "port/compiler.hpp"
#include "python/cpython/data_stack.hpp"

namespace tealetpp {

namespace {

PyObjectArenaAllocator original;

// In static thread-local memory, which is read without a lock or a call. Every Python call that
// crosses the end of a chunk comes here.
enum class Caching : char { not_yet, now, no_more };
TEALETPP_THREAD_LOCAL void* cached TEALETPP_THREAD_LOCAL_MODEL = nullptr;
TEALETPP_THREAD_LOCAL Caching caching TEALETPP_THREAD_LOCAL_MODEL = Caching::not_yet;

struct UntilThreadEnds {
  UntilThreadEnds() noexcept { caching = Caching::now; }
  ~UntilThreadEnds() {
    caching = Caching::no_more;
    if (cached != nullptr) original.free(original.ctx, cached, usual_chunk_size);
    cached = nullptr;
  }
};

TEALETPP_NOINLINE void begin_caching_or_free(void* block, std::size_t size) {
  if (size == usual_chunk_size && caching == Caching::not_yet) {
    static thread_local UntilThreadEnds end;
    cached = block;
  } else {
    original.free(original.ctx, block, size);
  }
}

void* take(void*, std::size_t size) {
  if (size == usual_chunk_size && cached != nullptr) return std::exchange(cached, nullptr);
  return original.alloc(original.ctx, size);
}

void give(void*, void* block, std::size_t size) {
  if (size == usual_chunk_size && cached == nullptr && caching == Caching::now) {
    cached = block;
  } else {
    begin_caching_or_free(block, size);
  }
}

}  // namespace

void install_chunk_cache() noexcept {
  PyObjectArenaAllocator now;
  PyObject_GetArenaAllocator(&now);
  if (now.alloc == take) return;
  original = now;
  PyObjectArenaAllocator ours{nullptr, take, give};
  PyObject_SetArenaAllocator(&ours);
}

}  // namespace tealetpp
