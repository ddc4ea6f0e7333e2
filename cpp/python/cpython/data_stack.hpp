// Data stacks: lists of chunks in which CPython keeps Python frames.
//
// CPython gives every new data stack a first chunk of 16 KiB and keeps it for the thread's life. A
// tealet gets a first chunk of its own, just large enough for its function. When a call does not
// fit, CPython adds a further chunk, and frees it when that call returns: see data_chunks.hpp.
//
// All supported versions have the same layout. No file outside this folder looks into a chunk.
#pragma once

#include <cstddef>
#include <utility>

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

// Bytes of a first chunk that holds frames of `words` words together. CPython asks for one word
// more than it uses. And it leaves the first word of a chunk without predecessor empty, so that the
// chunk is not freed with its first frame.
inline std::size_t first_chunk_size(std::size_t words) noexcept {
  const std::size_t size = sizeof(DataStackChunk) + sizeof(PyObject*) * (words + 1);
  return (size + 15) / 16 * 16;
}

// CPython never looks at the word that it leaves empty, so that holds the `owner`.
inline DataStackChunk* make_first_chunk(void* block, std::size_t size, void* owner) noexcept {
  auto* chunk = static_cast<DataStackChunk*>(block);
  chunk->previous = nullptr;
  chunk->size = size;
  chunk->top = 0;  // CPython sets it when it adds a chunk behind this one
  chunk->data[0] = static_cast<PyObject*>(owner);
  return chunk;
}

// The owner of the first chunk, or nullptr if `chunk` is a further one.
inline void* owner_of_first(const DataStackChunk* chunk) noexcept {
  return chunk->previous == nullptr ? static_cast<void*>(chunk->data[0]) : nullptr;
}

inline DataStackChunk* previous_chunk(const DataStackChunk* chunk) noexcept {
  return chunk->previous;
}
inline std::size_t size_of_chunk(const DataStackChunk* chunk) noexcept { return chunk->size; }
inline void set_size_of_chunk(DataStackChunk* chunk, std::size_t size) noexcept {
  chunk->size = size;
}
// Where the frames in `chunk` end, if another chunk was added behind it.
inline PyObject** end_of_frames(DataStackChunk* chunk) noexcept { return &chunk->data[chunk->top]; }

// Where CPython takes a chunk to be full; nullptr if there is none: a thread that has run nothing
// yet has no chunk.
inline PyObject** end_of_chunk(DataStackChunk* chunk) noexcept {
  if (chunk == nullptr) return nullptr;
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(chunk) + chunk->size);
}

// Makes the list that ends with `newest` the thread's data stack. The words from `top` on are free.
inline void use_data_stack(PyThreadState* thread, DataStackChunk* newest, PyObject** top) noexcept {
  thread->datastack_chunk = newest;
  thread->datastack_top = top;
  thread->datastack_limit = end_of_chunk(newest);
}

// The same for a first chunk without frames.
inline void use_first_chunk(PyThreadState* thread, DataStackChunk* first) noexcept {
  use_data_stack(thread, first, &first->data[1]);
}

}  // namespace tealetpp
