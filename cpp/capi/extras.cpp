// The C API: the functions of tealet_extras.h.
#include <tealet/tealet_extras.h>

#include <cstddef>

#include "capi/misuse.hpp"
#include "capi/transfer.hpp"
#include "port/compiler.hpp"

using namespace tealet;
using namespace tealet::capi;

namespace {

// The size of the header in front of every block of a tealet_statsalloc_t, which holds the block's
// size.
constexpr std::size_t header = alignof(std::max_align_t);
static_assert(header >= sizeof(std::size_t), "the size must fit");

void* counting_malloc(size_t size, void* context) {
  auto& counts = *static_cast<tealet_statsalloc_t*>(context);
  if (size > static_cast<std::size_t>(-1) - header) return nullptr;
  auto* block = static_cast<char*>(TEALET_ALLOC_MALLOC(counts.base, header + size));
  if (block == nullptr) return nullptr;
  *reinterpret_cast<std::size_t*>(block) = size;
  counts.n_allocs += 1;
  counts.s_allocs += size;
  return block + header;
}

void counting_free(void* ptr, void* context) {
  if (ptr == nullptr) return;
  auto& counts = *static_cast<tealet_statsalloc_t*>(context);
  char* block = static_cast<char*>(ptr) - header;
  counts.n_allocs -= 1;
  counts.s_allocs -= *reinterpret_cast<std::size_t*>(block);
  TEALET_ALLOC_FREE(counts.base, block);
}

// Makes a tealet and starts it; deletes it if that fails.
int spawn(tealet_t* any, tealet_t** pcreated, tealet_run_t run, void** parg, void* stack_far,
          int flags, const Caller& caller) noexcept {
  tealet_t* created = tealet_new(any);
  if (pcreated != nullptr) *pcreated = created;
  if (created == nullptr) return TEALET_ERR_MEM;
  const int result = start(node_of(created), run, parg, stack_far, flags, caller);
  if (result != 0 && result != TEALET_ERR_PANIC) {
    tealet_delete(created);
    if (pcreated != nullptr) *pcreated = nullptr;
  }
  return result;
}

}  // namespace

void tealet_statsalloc_init(tealet_statsalloc_t* alloc, tealet_alloc_t* base) {
  require(alloc, __func__, "alloc");
  require(base, __func__, "base");
  alloc->alloc = {counting_malloc, counting_free, alloc};
  alloc->base = base;
  alloc->n_allocs = 0;
  alloc->s_allocs = 0;
}

TEALETPP_NOINLINE int tealet_spawn(tealet_t* tealet, tealet_t** pcreated, tealet_run_t run,
                                   void** parg, void* stack_far, int flags) {
  require(tealet, __func__, "tealet");
  if (run == nullptr) {
    if (pcreated != nullptr) *pcreated = nullptr;
    return TEALET_ERR_INVAL;
  }
  const Caller caller{TEALETPP_FRAME_ADDRESS(), __func__};
  return spawn(tealet, pcreated, run, parg, stack_far, flags, caller);
}

TEALETPP_NOINLINE int tealet_stub_new(tealet_t* tealet, tealet_t** pstub, void* stack_far) {
  require(tealet, __func__, "tealet");
  const Caller caller{TEALETPP_FRAME_ADDRESS(), __func__};
  return spawn(tealet, pstub, nullptr, nullptr, stack_far, TEALET_START_DEFAULT, caller);
}

TEALETPP_NOINLINE int tealet_stub_run(tealet_t* stub, tealet_run_t run, void** parg) {
  require(stub, __func__, "stub");
  if (run == nullptr) return TEALET_ERR_INVAL;
  return run_stub(node_of(stub), run, parg, TEALETPP_FRAME_ADDRESS());
}
