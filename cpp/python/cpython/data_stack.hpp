// Data stacks: lists of chunks in which CPython keeps Python frames.
//
// CPython gives every new data stack a first chunk of 16 KiB and keeps it for the thread's life. A
// tealet gets a first chunk of its own, just large enough for its function, which CPython frees
// when the function returns. When a call does not fit, CPython adds a further chunk, and frees it
// when that call returns: see data_chunks.hpp.
//
// All supported versions have the same layout. No file outside this folder looks into a chunk.
#pragma once

#include <cstddef>
#include <cstdint>

#include "python/cpython/internals.hpp"
#include "python/cpython/thread_state.hpp"

namespace tealetpp {

using DataStackChunk = _PyStackChunk;

// CPython asks for this much, or for twice as much until a single frame fits: see push_chunk() in
// its pystate.c.
constexpr std::size_t usual_chunk_size = std::size_t{16} * 1024;

// Whether a request of `size` bytes is for a chunk. The other requests are for pymalloc's arenas,
// of 256 KiB at least. A chunk of that size, for a frame of 16,000 variables, counts as an arena.
inline bool is_chunk_size(std::size_t size) noexcept {
  return size == usual_chunk_size || size == 2 * usual_chunk_size || size == 4 * usual_chunk_size ||
         size == 8 * usual_chunk_size;
}

// Words that a frame of `function` takes; 0 if it is nullptr or not a Python function.
inline std::size_t frame_words(PyObject* function) noexcept {
  if (function == nullptr || !PyFunction_Check(function)) return 0;
  return words_of_code(reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(function)));
}

// Where every tealet's data stack ends: a chunk without space that is never freed, the first
// chunk's predecessor. CPython keeps a chunk without predecessor for as long as the thread lives.
// It frees any other chunk when the frame at its beginning returns.
extern DataStackChunk bottom_chunk;

// What CPython writes there never changes it: no frame lies in it.
constexpr DataStackChunk make_bottom_chunk() noexcept {
  return {nullptr, offsetof(DataStackChunk, data), 0, {nullptr}};
}

// In front of a first chunk, in the same block.
using Owner = std::uint64_t;

// Bytes of the block of a first chunk that holds frames of `words` words together. CPython asks for
// one word more than it uses.
inline std::size_t first_block_size(std::size_t words) noexcept {
  const std::size_t size =
      sizeof(Owner) + offsetof(DataStackChunk, data) + sizeof(PyObject*) * (words + 1);
  return (size + 15) / 16 * 16;
}

inline DataStackChunk* make_first_chunk(void* block, std::size_t size, Owner owner) noexcept {
  auto* const begin = static_cast<Owner*>(block);
  *begin = owner;
  auto* const chunk = reinterpret_cast<DataStackChunk*>(begin + 1);
  chunk->previous = &bottom_chunk;
  chunk->size = size - sizeof(Owner);
  chunk->top = 0;  // CPython sets it when it adds a chunk behind this one
  return chunk;
}

inline Owner* block_of_first(DataStackChunk* chunk) noexcept {
  return reinterpret_cast<Owner*>(chunk) - 1;
}
inline DataStackChunk* previous_chunk(const DataStackChunk* chunk) noexcept {
  return chunk->previous;
}
inline std::size_t size_of_chunk(const DataStackChunk* chunk) noexcept { return chunk->size; }
// Bytes of the block of a first chunk of `size` bytes.
inline std::size_t block_size_of_first(std::size_t size) noexcept { return sizeof(Owner) + size; }
inline void set_size_of_chunk(DataStackChunk* chunk, std::size_t size) noexcept {
  chunk->size = size;
}
inline void set_previous_chunk(DataStackChunk* chunk, DataStackChunk* previous) noexcept {
  chunk->previous = previous;
}

// Where the frames in `chunk` begin, unless it has no predecessor.
inline PyObject** begin_of_frames(DataStackChunk* chunk) noexcept { return &chunk->data[0]; }
// Where they end, if another chunk was added behind it.
inline PyObject** end_of_frames(DataStackChunk* chunk) noexcept { return &chunk->data[chunk->top]; }
inline void set_end_of_frames(DataStackChunk* chunk, PyObject** end) noexcept {
  chunk->top = static_cast<std::size_t>(end - &chunk->data[0]);
}

// The chunk whose frames begin with `frame`, if its header lies there.
inline DataStackChunk* chunk_beginning_with(_PyInterpreterFrame* frame) noexcept {
  return reinterpret_cast<DataStackChunk*>(reinterpret_cast<char*>(frame) -
                                           offsetof(DataStackChunk, data));
}
constexpr int words_of_header = offsetof(DataStackChunk, data) / sizeof(PyObject*);

// Where CPython takes a chunk to be full; nullptr if there is none: a thread that has run nothing
// yet has no chunk.
inline PyObject** end_of_chunk(DataStackChunk* chunk) noexcept {
  if (chunk == nullptr) return nullptr;
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(chunk) + chunk->size);
}

// Makes the list that ends with `newest` the thread's data stack. The words from `top` to `limit`
// are free.
inline void use_data_stack(PyThreadState* thread, DataStackChunk* newest, PyObject** top,
                           PyObject** limit) noexcept {
  thread->datastack_chunk = newest;
  thread->datastack_top = top;
  thread->datastack_limit = limit;
}

// The same. The words from `top` to the end of `newest` are free.
inline void use_data_stack(PyThreadState* thread, DataStackChunk* newest, PyObject** top) noexcept {
  use_data_stack(thread, newest, top, end_of_chunk(newest));
}

// The same for a chunk without frames.
inline void use_unused_chunk(PyThreadState* thread, DataStackChunk* newest) noexcept {
  use_data_stack(thread, newest, begin_of_frames(newest));
}

inline DataStackChunk* newest_chunk(const PyThreadState* thread) noexcept {
  return thread->datastack_chunk;
}
inline PyObject** end_of_newest_frame(const PyThreadState* thread) noexcept {
  return thread->datastack_top;
}

}  // namespace tealetpp
