// Data stacks: lists of chunks in which CPython keeps Python frames.
//
// When a call does not fit into the newest chunk, CPython adds another one. It frees a chunk when
// the frame at its beginning returns. It keeps the first one for the thread's life: frames in it
// begin one word later, so none is at its beginning.
//
// Later releases of 3.13 and 3.14, and 3.15, keep one chunk that was freed for the thread's next
// call. Its field was added to the end of the thread state, so releases with and without it run the
// same module.
//
// All supported versions have the same layout of chunks. No file outside this folder looks into
// one.
#pragma once

#include <cstddef>
#include <type_traits>

#include "python/cpython/internals.hpp"
#include "python/cpython/thread_state.hpp"

namespace tealetpp {

using DataStackChunk = _PyStackChunk;

// CPython asks for this much, doubled until a single frame fits: see push_chunk() in its pystate.c.
constexpr std::size_t usual_chunk_size = std::size_t{16} * 1024;

// Whether a request of `size` bytes is for a chunk. The other requests are for pymalloc's arenas,
// of 256 KiB at least. A chunk of that size, for a frame of 16,000 variables, counts as an arena.
inline bool is_chunk_size(std::size_t size) noexcept {
  return size == usual_chunk_size || size == 2 * usual_chunk_size || size == 4 * usual_chunk_size ||
         size == 8 * usual_chunk_size;
}

// Makes `chunk` the first of a data stack.
inline void make_first_chunk(DataStackChunk* chunk, std::size_t size) noexcept {
  chunk->previous = nullptr;
  chunk->size = size;
  chunk->top = 0;  // CPython sets it when it adds a chunk behind this one
}

inline std::size_t size_of_chunk(const DataStackChunk* chunk) noexcept { return chunk->size; }
inline DataStackChunk* previous_chunk(const DataStackChunk* chunk) noexcept {
  return chunk->previous;
}
inline void set_previous_chunk(DataStackChunk* chunk, DataStackChunk* previous) noexcept {
  chunk->previous = previous;
}

inline PyObject** begin_of_frames(DataStackChunk* chunk) noexcept {
  return &chunk->data[chunk->previous == nullptr ? 1 : 0];
}
// Where the frames in `chunk` end, if another chunk was added behind it.
inline PyObject** end_of_frames(DataStackChunk* chunk) noexcept { return &chunk->data[chunk->top]; }
inline void set_end_of_frames(DataStackChunk* chunk, PyObject** end) noexcept {
  chunk->top = static_cast<std::size_t>(end - &chunk->data[0]);
}

// Where the frames of an execution end: in its newest chunk, at `top`. A thread that has run
// nothing yet has no chunk.
struct DataStackPosition {
  DataStackChunk* chunk = nullptr;
  PyObject** top = nullptr;
};

inline DataStackPosition data_stack_position(const PyThreadState* thread) noexcept {
  return {thread->datastack_chunk, thread->datastack_top};
}

inline void use_data_stack(PyThreadState* thread, DataStackPosition position) noexcept {
  char* const begin = reinterpret_cast<char*>(position.chunk);
  thread->datastack_chunk = position.chunk;
  thread->datastack_top = position.top;
  thread->datastack_limit =
      begin != nullptr ? reinterpret_cast<PyObject**>(begin + position.chunk->size) : nullptr;
}

// The field of the thread state with the chunk that it keeps. The headers may be older than the
// interpreter that runs: the field is the first one behind those that they declare.
template <class ThreadState, class = void>
struct CachedChunk {
  static DataStackChunk*& of(ThreadState* thread) noexcept {
    return *reinterpret_cast<DataStackChunk**>(thread + 1);
  }
};
template <class ThreadState>
struct CachedChunk<ThreadState, std::void_t<decltype(&ThreadState::datastack_cached_chunk)>> {
  static DataStackChunk*& of(ThreadState* thread) noexcept {
    return thread->datastack_cached_chunk;
  }
};

// Whether the interpreter that runs keeps a chunk.
inline bool chunks_are_cached() noexcept {
  if constexpr (first_with_cached_chunk == 0) return false;
  return Py_Version >= first_with_cached_chunk;
}

// The chunk that CPython keeps for the thread's next call; nullptr if there is none.
inline DataStackChunk* cached_chunk(PyThreadState* thread) noexcept {
  return chunks_are_cached() ? CachedChunk<PyThreadState>::of(thread) : nullptr;
}

// Precondition: chunks_are_cached().
inline void set_cached_chunk(PyThreadState* thread, DataStackChunk* chunk) noexcept {
  CachedChunk<PyThreadState>::of(thread) = chunk;
}

}  // namespace tealetpp
