#include "python/chunk_cache.hpp"

#include <cstddef>
#include <utility>

#include "port/compiler.hpp"
#include "python/cpython/data_stack.hpp"

namespace tealetpp {

namespace {

PyObjectArenaAllocator original;

// Of each thread, and in the static part of thread-local memory: this is on the way of every call
// over the edge, where a lock would take longer than the call.
enum class Caching : char { not_yet, now, no_more };
TEALETPP_THREAD_LOCAL void* kept TEALETPP_THREAD_LOCAL_MODEL = nullptr;
TEALETPP_THREAD_LOCAL Caching keeping TEALETPP_THREAD_LOCAL_MODEL = Caching::not_yet;

struct UntilThreadEnds {
  UntilThreadEnds() noexcept { keeping = Caching::now; }
  ~UntilThreadEnds() {
    keeping = Caching::no_more;
    if (kept != nullptr) original.free(original.ctx, kept, usual_chunk_size);
    kept = nullptr;
  }
};

TEALETPP_NOINLINE void begin_to_keep_or_free(void* block, std::size_t size) {
  if (size == usual_chunk_size && keeping == Caching::not_yet) {
    static thread_local UntilThreadEnds end;
    kept = block;
  } else {
    original.free(original.ctx, block, size);
  }
}

void* take(void*, std::size_t size) {
  if (size == usual_chunk_size && kept != nullptr) return std::exchange(kept, nullptr);
  return original.alloc(original.ctx, size);
}

void give(void*, void* block, std::size_t size) {
  if (size == usual_chunk_size && kept == nullptr && keeping == Caching::now) {
    kept = block;
  } else {
    begin_to_keep_or_free(block, size);
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
