// The chunks of tealets' data stacks: memory of their domains, cut to what is used.
//
// - A tealet begins with a first chunk for one frame of its function.
// - A call that does not fit makes CPython ask its arena allocator for a further chunk. While a
//   tealet runs, the answer is a block of its domain: an *open* chunk.
// - When the execution pauses, its open chunks are *cut*: what lies behind the frames returns to
//   the domain's allocator, in place, because others point into the frames. CPython finds a cut
//   chunk full, and asks for another one at the next call.
// - When the call returns, CPython frees the chunk. The domain caches an open one for the next
//   call.
//
// Past the memory limit, a call that needs a chunk raises MemoryError. Where CPython cannot refuse
// a call cleanly, the call gets its chunk, and the next pause raises MemoryError instead.
//
// A further chunk is recognised by its address and by what lies in front of it, so chunks of other
// allocators are never taken for ours, nor are those of another copy of this code.
#pragma once

#include <cstddef>

#include "port/compiler.hpp"
#include "python/cpython/data_stack.hpp"
#include "python/execution.hpp"

namespace tealetpp {

class PythonDomain;

// Makes CPython ask us for chunks, from now on.
void install_data_chunks() noexcept;

// Gives a new execution its first chunk. False if there is no memory.
bool make_data_stack(PythonDomain& domain, Execution& execution);
// The same without memory: every call of the execution needs a further chunk.
inline void make_empty_data_stack(Execution& execution) noexcept {
  execution.data_stack = &bottom_chunk;
}
// Frees all chunks of a data stack that no execution uses any more; nothing if `newest` is nullptr.
void free_data_stack(DataStackChunk* newest);
// Bytes of a data stack in the memory of `domain`.
std::size_t data_stack_bytes(DataStackChunk* newest, const PythonDomain& domain);

// How many chunks are open, on all threads. Guarded by the global interpreter lock.
extern std::size_t open_chunks;

bool cut_open_chunks_slow(PyThreadState* thread);
// Cuts the open chunks of the execution that runs and is about to pause. False if its domain is
// still past its limit then.
inline bool cut_open_chunks(PyThreadState* thread) {
  return TEALET_LIKELY(open_chunks == 0) || cut_open_chunks_slow(thread);
}

}  // namespace tealetpp
