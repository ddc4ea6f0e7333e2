// Data stacks: lists of chunks in which CPython keeps Python frames.
//
// CPython gives every new data stack a first chunk of 16 KiB and keeps it for the thread's life. A
// tealet gets a first chunk of its own, just large enough for its function. When that is used up
// CPython adds its 16 KiB chunks behind it, and takes them away again.
//
// All supported versions have the same layout. No file outside this folder looks into a chunk.
#pragma once

#include <cstddef>
#include <utility>

#include "python/cpython/internals.hpp"
#include "python/cpython/thread_state.hpp"

namespace tealetpp {

using DataStackChunk = _PyStackChunk;

// What CPython asks for, unless a single frame needs more: see allocate_chunk() in its pystate.c.
constexpr std::size_t usual_chunk_size = 16 * 1024;
constexpr std::size_t largest_first_chunk = usual_chunk_size;

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

inline std::size_t size_of_chunk(const DataStackChunk* chunk) noexcept { return chunk->size; }

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

// Whether a first chunk was ever too small.
inline bool was_outgrown(const DataStackChunk* first) noexcept { return first->top != 0; }
// Before the next execution uses the chunk.
inline void forget_use(DataStackChunk* first) noexcept { first->top = 0; }

// Words that the frames of the running execution take while they are more than its first chunk
// holds; else 0.
inline std::size_t words_outgrown(const PyThreadState* thread) noexcept {
  const DataStackChunk* chunk = thread->datastack_chunk;
  if (chunk == nullptr || chunk->previous == nullptr) return 0;
  auto words = static_cast<std::size_t>(thread->datastack_top - &chunk->data[0]);
  while ((chunk = chunk->previous) != nullptr) words += chunk->top;
  return words;
}

// Takes the memory of a first chunk back, with the owner that make_first_chunk() got.
using TakeBackChunk = void (*)(void* owner, void* block, std::size_t size);

// Frees the list that ends with `newest`.
inline void free_chunks(DataStackChunk* newest, TakeBackChunk take_back) {
  PyObjectArenaAllocator arenas;
  PyObject_GetArenaAllocator(&arenas);
  while (newest != nullptr) {
    DataStackChunk* const chunk = std::exchange(newest, newest->previous);
    if (newest != nullptr) {
      arenas.free(arenas.ctx, chunk, chunk->size);
    } else {
      take_back(chunk->data[0], chunk, chunk->size);
    }
  }
}

}  // namespace tealetpp
