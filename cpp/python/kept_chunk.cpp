#include "kept_chunk.hpp"

#include <Python.h>

#include <cstddef>
#include <utility>

namespace tealetpp {

namespace {

// What CPython asks for, unless a single frame needs more: see allocate_chunk() in its pystate.c.
constexpr std::size_t chunk_size = 16 * 1024;

PyObjectArenaAllocator original;

// Of each thread, and in the static part of thread-local memory: this is on the way of every call
// over the edge, where a lock would take longer than the call.
enum class Keeping : char { not_yet, now, no_more };
__thread void* kept __attribute__((tls_model("initial-exec"))) = nullptr;
__thread Keeping keeping __attribute__((tls_model("initial-exec"))) = Keeping::not_yet;

struct UntilThreadEnds {
  UntilThreadEnds() noexcept { keeping = Keeping::now; }
  ~UntilThreadEnds() {
    keeping = Keeping::no_more;
    if (kept != nullptr) original.free(original.ctx, kept, chunk_size);
    kept = nullptr;
  }
};

[[gnu::noinline]] void begin_to_keep_or_free(void* block, std::size_t size) {
  if (size == chunk_size && keeping == Keeping::not_yet) {
    static thread_local UntilThreadEnds end;
    kept = block;
  } else {
    original.free(original.ctx, block, size);
  }
}

void* take(void*, std::size_t size) {
  if (size == chunk_size && kept != nullptr) return std::exchange(kept, nullptr);
  return original.alloc(original.ctx, size);
}

void give(void*, void* block, std::size_t size) {
  if (size == chunk_size && kept == nullptr && keeping == Keeping::now) {
    kept = block;
  } else {
    begin_to_keep_or_free(block, size);
  }
}

}  // namespace

void keep_last_chunk() noexcept {
  PyObjectArenaAllocator now;
  PyObject_GetArenaAllocator(&now);
  if (now.alloc == take) return;
  original = now;
  PyObjectArenaAllocator ours{nullptr, take, give};
  PyObject_SetArenaAllocator(&ours);
}

}  // namespace tealetpp
