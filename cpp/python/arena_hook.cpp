#include "python/arena_hook.hpp"

#include <cstdlib>

#include "core/thread_context.hpp"
#include "python/all_domains.hpp"
#include "python/python_domain.hpp"

namespace tealetpp {

namespace {

PyObjectArenaAllocator original;

PythonDomain* domain_of(const Node* node) noexcept {
  tealet::core::Domain* const domain = node != nullptr ? node->domain() : nullptr;
  return domain != nullptr && domain->knows_running() ? static_cast<PythonDomain*>(domain)
                                                      : nullptr;
}

// The domain of the tealet that runs; nullptr if none does, or if another library has switched away
// from it.
PythonDomain* running_domain() noexcept {
  PythonDomain* const domain = domain_of(tealet::core::running_tealet);
  if (domain == nullptr) return nullptr;
  const PyThreadState* const thread = PyThreadState_Get();
  const bool runs = outermost_handled(thread) == handled_by(thread, *tealet::core::running_tealet);
  return runs ? domain : nullptr;
}

void* take(void*, std::size_t size) {
  PythonDomain* const domain = is_chunk_size(size) ? running_domain() : nullptr;
  if (domain == nullptr) return original.alloc(original.ctx, size);
  return domain->data_stack.take_chunk(size);
}

void give(void*, void* memory, std::size_t size) {
  DomainChunk* const chunk = DomainChunk::of(static_cast<DataStackChunk*>(memory));
  if (chunk == nullptr) {
    original.free(original.ctx, memory, size);
  } else if (chunk->owner != nullptr) {
    chunk->owner->return_chunk(*chunk);
  } else {
    // A thread ends in the middle of a tealet.
    chunk->~DomainChunk();
    std::free(chunk);  // all Python domains use malloc_resource()
  }
}

}  // namespace

void install_arena_hook() noexcept {
  PyObjectArenaAllocator now;
  PyObject_GetArenaAllocator(&now);
  if (now.alloc == take) return;
  original = now;
  PyObjectArenaAllocator ours{nullptr, take, give};
  PyObject_SetArenaAllocator(&ours);
}

}  // namespace tealetpp
