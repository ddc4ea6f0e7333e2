// The Python frames of a paused tealet, outside of the data stack: in a block of their size.
//
// Frames point to each other, and their frame objects point to them. These pointers are corrected
// when frames move. Anything else that points to a frame is on the tealet's own C stack, where
// nobody looks while the tealet is paused. Frames return to the addresses where they were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/check.hpp"
#include "port/compiler.hpp"
#include "python/cpython/data_stack.hpp"

namespace tealetpp {

// Memory whose frames move, and where to.
struct FramePiece {
  PyObject* const* begin;
  PyObject* const* end;
  PyObject** copy;

  bool has(const void* address) const noexcept {
    return distance(address) < static_cast<std::size_t>(end - begin) * sizeof(PyObject*);
  }
  template <class T>
  T* moved(const T* address) const noexcept {
    return reinterpret_cast<T*>(reinterpret_cast<char*>(copy) + distance(address));
  }
  void copy_words() const noexcept {
    std::memcpy(copy, begin, static_cast<std::size_t>(end - begin) * sizeof(PyObject*));
  }
  // Corrects what points to the frames of the chain that begins at `link`.
  void correct_pointers(_PyInterpreterFrame** link) const noexcept {
    while (_PyInterpreterFrame* frame = *link) {
      if (has(frame)) {
        frame = moved(frame);
        *link = frame;
        if (frame->frame_obj != nullptr) frame->frame_obj->f_frame = frame;
      }
      link = &frame->previous;
    }
  }

 private:
  // Large if `address` is below `begin`.
  std::size_t distance(const void* address) const noexcept {
    return reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(begin);
  }
};

class SavedFrames {
 public:
  // How many words the frames take, and over how many chunks beyond the first they extend.
  struct Shape {
    std::uint32_t words = 0;
    std::uint32_t further = 0;

    std::size_t block_size() const noexcept {
      return sizeof(SavedFrames) + words * sizeof(PyObject*) + further * sizeof(Further);
    }
    friend bool operator==(Shape a, Shape b) noexcept {
      return a.words == b.words && a.further == b.further;
    }
  };
  // Of the frames that end at `position`. Chunks of other allocators are not shared, so frames in
  // these stay where they are and do not count as words.
  static Shape shape_of(DataStackPosition position) noexcept;

  // In a block of shape.block_size() bytes.
  explicit SavedFrames(Shape shape) noexcept : shape_(shape) {}

  Shape shape() const noexcept { return shape_; }
  std::size_t block_size() const noexcept { return shape_.block_size(); }

  // Copies the frames that end at `position`. `newest` is the newest frame of their chain.
  void save(DataStackPosition position, _PyInterpreterFrame*& newest) noexcept {
    if (TEALET_UNLIKELY(shape_.further != 0)) {
      save_pieces(position, newest);
      return;
    }
    const FramePiece all{begin_of_frames(position.chunk), position.top, words()};
    TEALETPP_CHECK(all.end - all.begin == static_cast<std::ptrdiff_t>(shape_.words));
    all.copy_words();
    all.correct_pointers(&newest);
  }
  // Copies them back. Returns where they end.
  DataStackPosition restore(DataStackChunk* first, _PyInterpreterFrame*& newest) const noexcept {
    if (TEALET_UNLIKELY(shape_.further != 0)) return restore_pieces(first, newest);
    const FramePiece all{words(), words() + shape_.words, begin_of_frames(first)};
    all.copy_words();
    all.correct_pointers(&newest);
    return {first, all.copy + shape_.words};
  }
  // Where the word at `address`, between frames that were saved from `position`, is saved; nullptr
  // if it is not.
  PyObject** saved_word(DataStackPosition position, const PyObject* const* address) noexcept;

  // Calls `visit` with each shared chunk beyond the first one.
  template <class Visit>
  void for_each_further(Visit visit) const noexcept;

 private:
  // A chunk beyond the first, the oldest first.
  struct Further {
    DataStackChunk* chunk;
    std::size_t words;  // 0 if it is not shared
    PyObject** end;     // of its frames
  };
  class Saving;
  class Restoring;

  TEALETPP_NOINLINE void save_pieces(DataStackPosition position,
                                     _PyInterpreterFrame*& newest) noexcept;
  TEALETPP_NOINLINE DataStackPosition restore_pieces(DataStackChunk* first,
                                                     _PyInterpreterFrame*& newest) const noexcept;

  PyObject** words() const noexcept {
    return reinterpret_cast<PyObject**>(const_cast<SavedFrames*>(this) + 1);
  }
  Further* further() const noexcept { return reinterpret_cast<Further*>(words() + shape_.words); }

  const Shape shape_;
};
static_assert(sizeof(SavedFrames) == sizeof(PyObject*));

template <class Visit>
void SavedFrames::for_each_further(Visit visit) const noexcept {
  for (std::uint32_t i = 0; i < shape_.further; ++i) visit(further()[i].chunk);
}

}  // namespace tealetpp
