#include "kept_chunk.hpp"

#include <Python.h>

#include <atomic>
#include <cstddef>

namespace tealetpp {

namespace {

// What CPython asks for, unless a single frame needs more: see allocate_chunk() in its pystate.c.
constexpr std::size_t chunk_size = 16 * 1024;

PyObjectArenaAllocator original;
// Interpreters with locks of their own share the allocator, and threads that end may hold none.
std::atomic<void*> kept{nullptr};

void* take(void*, std::size_t size) {
  if (size == chunk_size) {
    if (void* chunk = kept.exchange(nullptr)) return chunk;
  }
  return original.alloc(original.ctx, size);
}

void give(void*, void* block, std::size_t size) {
  void* none = nullptr;
  if (size == chunk_size && kept.compare_exchange_strong(none, block)) return;
  original.free(original.ctx, block, size);
}

}  // namespace

void keep_last_chunk() noexcept {
  PyObjectArenaAllocator now;
  PyObject_GetArenaAllocator(&now);
  if (now.alloc == take) return;
  original = now;
  PyObjectArenaAllocator keeping{nullptr, take, give};
  PyObject_SetArenaAllocator(&keeping);
}

}  // namespace tealetpp
