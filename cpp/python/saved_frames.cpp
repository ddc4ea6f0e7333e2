#include "python/saved_frames.hpp"

#include "core/check.hpp"
#include "python/domain_chunk.hpp"

namespace tealetpp {

namespace {

bool is_shared(const SharedDataStack& owner, const DataStackChunk* chunk) noexcept {
  return DomainChunk::shared_in(owner, chunk) != nullptr;
}

// Corrects what points to the copied frames of a chain. `pieces` has the newest piece, and goes on
// to older ones: older frames lie in older pieces. Only frames on the data stack are searched for.
// For any other frame the search would go through all pieces.
template <class Pieces>
void correct_pointers_in_pieces(_PyInterpreterFrame** link, Pieces pieces) noexcept {
  while (_PyInterpreterFrame* const frame = *link) {
    Pieces at = pieces;
    if (frame->owner != FRAME_OWNED_BY_THREAD || !at.find(frame)) {
      link = &frame->previous;
      continue;
    }
    pieces = at;
    _PyInterpreterFrame* const moved = pieces.piece().moved(frame);
    *link = moved;
    correct_moved(moved, frame);
    if (moved->frame_obj != nullptr) moved->frame_obj->f_frame = moved;
    link = &moved->previous;
  }
}

}  // namespace

// The pieces of a data stack and their places in a block, the newest first.
class SavedFrames::Saving {
 public:
  Saving(SavedFrames& block, const SharedDataStack& owner, DataStackPosition position) noexcept
      : owner_(&owner),
        chunk_(position.chunk),
        piece_{nullptr, position.top, block.words() + block.words_} {
    begin_piece();
  }

  const FramePiece& piece() const noexcept { return piece_; }
  const DataStackChunk* chunk() const noexcept { return chunk_; }
  bool go_to_older() noexcept {
    chunk_ = previous_chunk(chunk_);
    if (chunk_ == nullptr) return false;
    piece_.end = end_of_frames(chunk_);
    begin_piece();
    return true;
  }
  bool find(const void* address) noexcept {
    while (!piece_.has(address) || !is_shared(*owner_, chunk_)) {
      if (!go_to_older()) return false;
    }
    return true;
  }

 private:
  void begin_piece() noexcept {
    piece_.begin = begin_of_frames(chunk_);
    if (is_shared(*owner_, chunk_)) piece_.copy -= piece_.end - piece_.begin;
  }

  const SharedDataStack* owner_;
  DataStackChunk* chunk_;
  FramePiece piece_;
};

// The opposite: the pieces of a block and their places in the data stack, the newest first.
class SavedFrames::Restoring {
 public:
  Restoring(const SavedFrames& block, DataStackChunk* first) noexcept
      : block_(&block), first_(first), left_(block.further()) {
    piece_.begin = block.words() + block.words_;
    begin_piece();
  }

  const FramePiece& piece() const noexcept { return piece_; }
  bool go_to_older() noexcept {
    if (left_ == 0) return false;
    --left_;
    begin_piece();
    return true;
  }
  bool find(const void* address) noexcept {
    while (!piece_.has(address)) {
      if (!go_to_older()) return false;
    }
    return true;
  }

 private:
  void begin_piece() noexcept {
    piece_.end = piece_.begin;
    if (left_ == 0) {
      piece_.begin = block_->words();
      piece_.copy = begin_of_frames(first_);
    } else {
      const Further& further = block_->chunks()[left_ - 1];
      piece_.begin -= further.words;
      piece_.copy = begin_of_frames(further.chunk);
    }
  }

  const SavedFrames* block_;
  DataStackChunk* first_;
  std::uint32_t left_;  // the piece is of chunks()[left_ - 1]; if 0, of the first chunk
  FramePiece piece_{};
};

SavedFrames::Shape SavedFrames::shape_of(const SharedDataStack& owner,
                                         DataStackPosition position) noexcept {
  std::size_t words = 0;
  Shape shape;
  for (DataStackChunk* chunk = position.chunk;;) {
    if (is_shared(owner, chunk)) words += position.top - begin_of_frames(chunk);
    chunk = previous_chunk(chunk);
    if (chunk == nullptr) break;
    position.top = end_of_frames(chunk);
    ++shape.further;
  }
  shape.words = static_cast<std::uint32_t>(words);
  return shape;
}

void SavedFrames::save_pieces(const SharedDataStack& owner, DataStackPosition position,
                              _PyInterpreterFrame*& newest) noexcept {
  TEALETPP_CHECK(shape_of(owner, position) == shape() && further() != 0);
  Saving saving(*this, owner, position);
  const Saving newest_piece = saving;
  for (std::uint32_t i = further();; --i) {
    const FramePiece& piece = saving.piece();
    const bool shared = is_shared(owner, saving.chunk());
    const auto count = static_cast<std::size_t>(piece.end - piece.begin);
    if (shared) copy_words(piece.copy, piece.begin, count);
    if (i == 0) break;
    chunks()[i - 1] = {const_cast<DataStackChunk*>(saving.chunk()), shared ? count : 0,
                       const_cast<PyObject**>(piece.end)};
    saving.go_to_older();
  }
  correct_pointers_in_pieces(&newest, newest_piece);
}

DataStackPosition SavedFrames::restore_pieces(DataStackChunk* first,
                                              _PyInterpreterFrame*& newest) const noexcept {
  std::size_t in_first = words_;
  for (std::uint32_t i = 0; i < further(); ++i) in_first -= chunks()[i].words;
  PyObject** source = words();
  copy_words(begin_of_frames(first), source, in_first);
  DataStackPosition position{first, begin_of_frames(first) + in_first};
  source += in_first;
  for (std::uint32_t i = 0; i < further(); ++i) {
    const Further& next = chunks()[i];
    set_end_of_frames(position.chunk, position.top);
    set_previous_chunk(next.chunk, position.chunk);
    copy_words(begin_of_frames(next.chunk), source, next.words);
    source += next.words;
    position = {next.chunk, next.end};
  }
  correct_pointers_in_pieces(&newest, Restoring(*this, first));
  return position;
}

void SavedFrames::forget_further(const DataStackChunk* chunk) noexcept {
  for (std::uint32_t i = 0; i < further(); ++i) {
    if (chunks()[i].chunk == chunk) chunks()[i].chunk = nullptr;
  }
}

PyObject** SavedFrames::saved_word(const SharedDataStack& owner, DataStackPosition position,
                                   const PyObject* const* address) noexcept {
  Saving saving(*this, owner, position);
  return saving.find(static_cast<const void*>(address))
             ? saving.piece().moved(const_cast<PyObject**>(address))
             : nullptr;
}

}  // namespace tealetpp
