// The Python frames of a paused tealet, moved from the data stack to a block of their size.
//
// Frames point to each other, and their frame objects point to them. These pointers are corrected
// when frames move. Anything else that points to a frame is on the tealet's own C stack, where
// nobody looks while the tealet is paused. Frames return to the addresses where they were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "core/check.hpp"
#include "port/compiler.hpp"
#include "python/cpython/data_stack.hpp"

namespace tealetpp {

inline void copy_words(PyObject** to, PyObject* const* from, std::size_t count) noexcept {
  std::memcpy(static_cast<void*>(to), static_cast<const void*>(from), count * sizeof(PyObject*));
}

// A piece of memory with frames, and where they move to.
struct FramePiece {
  PyObject* const* begin;
  PyObject* const* end;
  PyObject** copy;

  bool has(const void* address) const noexcept {
    return distance(address) < static_cast<std::size_t>(end - begin) * sizeof(PyObject*);
  }
  template <class T>
  T* moved(const T* address) const noexcept {
    return reinterpret_cast<T*>(reinterpret_cast<char*>(copy) +
                                distance(static_cast<const void*>(address)));
  }
  void copy_frames() const noexcept {
    copy_words(copy, begin, static_cast<std::size_t>(end - begin));
  }
  // Corrects what points to the frames of the chain that begins at `link`.
  void correct_pointers(_PyInterpreterFrame** link) const noexcept {
    while (_PyInterpreterFrame* frame = *link) {
      if (has(frame)) {
        const _PyInterpreterFrame* const from = std::exchange(frame, moved(frame));
        correct_moved(frame, from);
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

class SharedDataStack;

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
  // The shape of the frames that end at `position`. Frames in chunks that the tealets of `owner`'s
  // domain do not share stay there, and do not count as words.
  static Shape shape_of(const SharedDataStack& owner, DataStackPosition position) noexcept;

  // In a block of shape.block_size() bytes.
  explicit SavedFrames(Shape shape) noexcept
      : words_(shape.words), further_and_flags_(shape.further * flags) {}

  Shape shape() const noexcept { return {words_, further()}; }
  std::size_t block_size() const noexcept { return shape().block_size(); }

  // Whether a tealet of an inner domain ran inside the tealet when it paused.
  bool is_entered() const noexcept { return has(entered); }
  void set_entered(bool is) noexcept {
    further_and_flags_ = is ? further_and_flags_ | entered : further_and_flags_ & ~entered;
  }
  // Whether somebody may be reading the block although its frames are in place.
  bool is_read() const noexcept { return has(read); }
  // Marks the block as read, and empties it: readers find no variables.
  void set_read() noexcept {
    further_and_flags_ |= read;
    std::memset(static_cast<void*>(words()), 0, words_ * sizeof(PyObject*));
  }

  // Copies the frames that end at `position`. `newest` is the newest frame of their chain.
  void save(const SharedDataStack& owner, DataStackPosition position,
            _PyInterpreterFrame*& newest) noexcept {
    if (TEALET_UNLIKELY(further() != 0)) {
      save_pieces(owner, position, newest);
      return;
    }
    const FramePiece all{begin_of_frames(position.chunk), position.top, words()};
    TEALETPP_CHECK(all.end - all.begin == static_cast<std::ptrdiff_t>(words_));
    all.copy_frames();
    all.correct_pointers(&newest);
  }
  // Copies them back. Returns where they end.
  DataStackPosition restore(DataStackChunk* first, _PyInterpreterFrame*& newest) const noexcept {
    if (TEALET_UNLIKELY(further() != 0)) return restore_pieces(first, newest);
    const FramePiece all{words(), words() + words_, begin_of_frames(first)};
    all.copy_frames();
    all.correct_pointers(&newest);
    return {first, all.copy + words_};
  }
  // Where save() puts the word at `address`; nullptr if that is not among the frames that end at
  // `position`.
  PyObject** saved_word(const SharedDataStack& owner, DataStackPosition position,
                        const PyObject* const* address) noexcept;

  // Calls `visit` with each chunk beyond the first. Precondition: save() was called.
  template <class Visit>
  void for_each_further(Visit visit) const noexcept;
  // The frames no longer keep `chunk`: for_each_further() leaves it out.
  void forget_further(const DataStackChunk* chunk) noexcept;

 private:
  // A chunk beyond the first, the oldest first.
  struct Further {
    DataStackChunk* chunk;
    std::size_t words;  // 0 if it is not shared
    PyObject** end;     // of its frames
  };
  class Saving;
  class Restoring;

  TEALETPP_NOINLINE void save_pieces(const SharedDataStack& owner, DataStackPosition position,
                                     _PyInterpreterFrame*& newest) noexcept;
  TEALETPP_NOINLINE DataStackPosition restore_pieces(DataStackChunk* first,
                                                     _PyInterpreterFrame*& newest) const noexcept;

  static constexpr std::uint32_t entered = 1;
  static constexpr std::uint32_t read = 2;
  static constexpr std::uint32_t flags = 4;  // how many values they have together

  bool has(std::uint32_t flag) const noexcept { return (further_and_flags_ & flag) != 0; }
  std::uint32_t further() const noexcept { return further_and_flags_ / flags; }
  PyObject** words() const noexcept {
    return reinterpret_cast<PyObject**>(const_cast<SavedFrames*>(this) + 1);
  }
  Further* chunks() const noexcept { return reinterpret_cast<Further*>(words() + words_); }

  const std::uint32_t words_;
  std::uint32_t further_and_flags_;
};
static_assert(sizeof(SavedFrames) == sizeof(PyObject*));

template <class Visit>
void SavedFrames::for_each_further(Visit visit) const noexcept {
  for (std::uint32_t i = 0; i < further(); ++i) {
    if (chunks()[i].chunk != nullptr) visit(chunks()[i].chunk);
  }
}

}  // namespace tealetpp
