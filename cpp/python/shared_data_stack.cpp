#include "python/shared_data_stack.hpp"

#include <new>
#include <utility>

#include "core/check.hpp"
#include "core/without_limit.hpp"
#include "python/all_domains.hpp"
#include "python/exceptions.hpp"
#include "python/foreign_stack.hpp"
#include "python/python_domain.hpp"

namespace tealetpp {

namespace {

// Through the allocator that is installed: ours, or another one that passes it on.
void free_chunk_of_cpython(DataStackChunk* chunk) noexcept {
  PyObjectArenaAllocator arenas;
  PyObject_GetArenaAllocator(&arenas);
  arenas.free(arenas.ctx, chunk, size_of_chunk(chunk));
}

bool is_within_limit(const tealet::CountingAllocator& memory) noexcept {
  return memory.bytes_from_upstream() <= memory.limit();
}

// The domain that was opened in `node` and one of whose tealets runs there; nullptr if there is
// none, or if `node` is nullptr.
PythonDomain* domain_entered_in(const Node* node) noexcept {
  return node != nullptr && node->hosts ? domain_entered_from(*node) : nullptr;
}

// The record of a paused tealet's newest frame. If a tealet of an inner domain ran inside `node`,
// that is the inner main's.
_PyInterpreterFrame*& newest_frame(Node& node) noexcept {
  const bool is_entered = execution_of(node).saved_frames->is_entered();
  PythonDomain* const entered = is_entered ? domain_entered_in(&node) : nullptr;
  return execution_of(entered != nullptr ? entered->main() : node).paused_frame;
}

// False if there is no memory.
bool add_to(std::vector<SavedFrames*>& list, SavedFrames* saved) noexcept {
  try {
    list.push_back(saved);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

// Whether anything else refers to the object of a frame in the chain.
bool has_held_frame(const _PyInterpreterFrame* newest) noexcept {
  const _PyInterpreterFrame* frame = newest;
  while (frame != nullptr && (frame->frame_obj == nullptr || Py_REFCNT(frame->frame_obj) < 2)) {
    frame = frame->previous;
  }
  return frame != nullptr;
}

}  // namespace

bool SharedDataStack::add_user() noexcept {
  if (first_ == nullptr) {
    const std::size_t bytes = DomainChunk::block_size(usual_chunk_size);
    void* const block = domain_.memory().try_allocate_large(bytes);
    if (block == nullptr) return false;
    first_ = make_chunk(block, usual_chunk_size, true);
    make_first_chunk(first_->chunk(), first_->size);
  }
  ++first_->users;
  return true;
}

void SharedDataStack::remove_user() noexcept {
  TEALETPP_CHECK(first_ != nullptr && first_->users > 0);
  release(*first_);
}

void SharedDataStack::begin(PyThreadState* thread, Node& node,
                            PyObject* const*& arguments) noexcept {
  TEALETPP_CHECK(first_ != nullptr && first_->users > 0);
  TEALETPP_CHECK(execution_of(node).saved_frames == nullptr);
  if (in_place_ != nullptr) {
    SavedFrames* const saved = execution_of(*in_place_).saved_frames;
    PyObject* const* const moved = saved->saved_word(*this, in_place_end_, arguments);
    if (moved != nullptr) arguments = moved;
    make_room();
  }
  in_place_ = &node;
  fitting_end_ = nullptr;
  DataStackChunk* const chunk = first_->chunk();
  use_data_stack(thread, {chunk, begin_of_frames(chunk)});
}

SharedDataStack::~SharedDataStack() {
  free_memory();
  // The chunks that are left are in use, and are freed later, without this object.
  if (first_ != nullptr) first_->owner = nullptr;
  for (DomainChunk* chunk = further_; chunk != nullptr; chunk = chunk->next) chunk->owner = nullptr;
}

void SharedDataStack::put_away_kept(PyThreadState* thread, const Node& node) noexcept {
  if (chunks_are_cached()) {
    put_away_cached(thread, node);
  } else {
    free_spare();
  }
}

void SharedDataStack::free_spare() noexcept {
  if (spare_ != nullptr) release(*std::exchange(spare_, nullptr));
}

void SharedDataStack::put_away_cached(PyThreadState* thread, const Node& node) noexcept {
  DataStackChunk* const chunk = cached_chunk(thread);
  set_cached_chunk(thread, nullptr);
  // Main of a nested domain may have one of the tealet that it was opened in.
  const bool is_of_thread = node.is_main() && DomainChunk::of(chunk) == nullptr;
  if (is_of_thread && main_cached_ == nullptr) {
    main_cached_ = chunk;
  } else {
    free_chunk_of_cpython(chunk);
  }
}

bool SharedDataStack::pause_slow(const PyThreadState* thread, Node& node, bool exempt) {
  TEALETPP_CHECK(in_place_ == &node);
  // Searching for the inner domain takes long, and most tealets that host one are not entered.
  const bool is_entered = tealet::core::running_tealet != &node;
  in_place_end_ = is_entered ? record_end(thread, &node) : data_stack_position(thread);
  fitting_end_ = nullptr;
  if (!reserve(node, exempt)) return false;
  execution_of(node).saved_frames->set_entered(is_entered);
  if (in_place_end_.chunk == first_->chunk()) fitting_end_ = in_place_end_.top;
  return true;
}

// If a tealet of an inner domain runs inside `node`, the frames of `node` end where those of the
// inner main do.
DataStackPosition SharedDataStack::record_end(const PyThreadState* thread,
                                              const Node* node) noexcept {
  PythonDomain* const entered = domain_entered_in(node);
  if (entered == nullptr) return data_stack_position(thread);
  SharedDataStack& inner = entered->data_stack;
  inner.in_place_end_ = inner.record_end(thread, entered->current_or_null());
  inner.fitting_end_ = nullptr;  // the block was not allocated for that
  return inner.main_;
}

DataStackPosition SharedDataStack::end_of(const Node* node) const noexcept {
  PythonDomain* const entered = domain_entered_in(node);
  return entered != nullptr ? entered->data_stack.end_of(entered->current_or_null())
                            : in_place_end_;
}

bool SharedDataStack::reserve(Node& node, bool exempt) {
  const SavedFrames::Shape shape = SavedFrames::shape_of(*this, in_place_end_);
  tealet::CountingAllocator& memory = domain_.memory();
  const tealet::core::WithoutLimit lifted(memory, exempt);
  SavedFrames*& saved = execution_of(node).saved_frames;
  if (saved == nullptr || !(saved->shape() == shape)) {
    const std::size_t before = saved != nullptr ? saved->block_size() : 0;
    free(std::exchange(saved, nullptr));
    void* const block = memory.try_allocate(shape.block_size());
    if (block == nullptr) return false;
    saved = ::new (block) SavedFrames(shape);
    domain_.totals().data_stack_made(saved->block_size());
    if (before != 0 && before < saved->block_size()) domain_.totals().data_stack_grown();
  }
  // A call that could not be refused may have taken a chunk past the limit.
  if (TEALET_LIKELY(is_within_limit(memory))) return true;
  memory.trim();
  return is_within_limit(memory);
}

void SharedDataStack::resume_slow(PyThreadState* thread, Node& node) noexcept {
  if (in_place_ != &node) {
    if (in_place_ != nullptr) make_room();
    restore(node);
  }
  const bool is_entered = execution_of(node).saved_frames->is_entered();
  use_data_stack(thread, is_entered ? end_of(&node) : in_place_end_);
}

void SharedDataStack::restore(Node& node) noexcept {
  TEALETPP_CHECK(in_place_ == nullptr);
  SavedFrames& saved = *execution_of(node).saved_frames;
  _PyInterpreterFrame*& newest = newest_frame(node);
  const bool is_read = frames_are_read_while_code_runs && has_held_frame(newest);
  saved.for_each_further([this](DataStackChunk* chunk) {
    DomainChunk* const shared = DomainChunk::shared_in(*this, chunk);
    if (shared == nullptr) return;
    if (TEALET_UNLIKELY(shared->in_use)) {
      Py_FatalError(
          "greenlet was loaded too late: its frames lie where those of a tealet return to");
    }
    shared->in_use = true;
  });
  in_place_end_ = saved.restore(first_->chunk(), newest);
  if (TEALET_UNLIKELY(is_read)) saved.set_read();
  fitting_end_ = in_place_end_.chunk == first_->chunk() ? in_place_end_.top : nullptr;
  in_place_ = &node;
}

void SharedDataStack::make_room() noexcept {
  if (frames_are_read_while_code_runs && domain_.previous() == &domain_.main() &&
      has_held_frame(newest_frame(*in_place_))) {
    main_may_look_at_ = in_place_;
    main_has_read_ = true;
  }
  move_out();
}

void SharedDataStack::return_for_main() noexcept {
  main_has_read_ = false;
  free_read();
  Node* const node = std::exchange(main_may_look_at_, nullptr);
  if (node == nullptr || in_place_ == node) return;
  if (in_place_ != nullptr) move_out();
  restore(*node);
}

void SharedDataStack::free_read() noexcept {
  for (SavedFrames* const saved : read_) free_now(saved);
  read_.clear();
}

void SharedDataStack::move_out() noexcept {
  Node& node = *std::exchange(in_place_, nullptr);
  SavedFrames& saved = *execution_of(node).saved_frames;
  saved.save(*this, in_place_end_, newest_frame(node));
  saved.for_each_further([this](DataStackChunk* chunk) {
    DomainChunk* const shared = DomainChunk::shared_in(*this, chunk);
    if (shared != nullptr) shared->in_use = false;
  });
}

void SharedDataStack::end(PyThreadState* thread, Node& node) noexcept {
  TEALETPP_CHECK(in_place_ == &node);
  if (TEALET_UNLIKELY(is_chunk_kept(thread))) put_away_kept(thread, node);
  in_place_ = nullptr;
  fitting_end_ = nullptr;
  if (main_may_look_at_ == &node) main_may_look_at_ = nullptr;
  free(std::exchange(execution_of(node).saved_frames, nullptr));
  remove_user();
}

SavedFrames* SharedDataStack::end_paused(Node& node) noexcept {
  SavedFrames* const saved = std::exchange(execution_of(node).saved_frames, nullptr);
  if (saved == nullptr) return nullptr;
  if (main_may_look_at_ == &node) main_may_look_at_ = nullptr;
  if (in_place_ == &node) {
    execution_of(node).saved_frames = saved;
    move_out();
    execution_of(node).saved_frames = nullptr;
  }
  saved->for_each_further([this, saved](DataStackChunk* chunk) {
    DomainChunk* const shared = DomainChunk::shared_in(*this, chunk);
    if (shared == nullptr) return;
    release(*shared);
    saved->forget_further(chunk);
  });
  remove_user();
  return saved;
}

void SharedDataStack::free(SavedFrames* saved) noexcept {
  if (saved == nullptr) return;
  if (TEALET_LIKELY(!saved->is_read()) || !add_to(read_, saved)) {
    free_now(saved);
  } else {
    main_has_read_ = true;
  }
}

void SharedDataStack::free_ended(SavedFrames* saved) noexcept {
  if (saved == nullptr) return;
  saved->for_each_further(free_chunk_of_cpython);
  free_now(saved);
}

void SharedDataStack::free_now(SavedFrames* saved) noexcept {
  const std::size_t bytes = saved->block_size();
  domain_.totals().data_stack_freed(bytes);
  domain_.memory().deallocate(saved, bytes);
}

void SharedDataStack::abandon_running(PyThreadState* thread, bool others_free_it) noexcept {
  running_was_abandoned_ = true;
  others_free_chunks_ = others_free_it;
  DataStackChunk* const cached = thread != nullptr ? cached_chunk(thread) : nullptr;
  if (cached != nullptr && DomainChunk::of(cached) != nullptr) {
    set_cached_chunk(thread, nullptr);
    free_chunk_of_cpython(cached);
  }
  if (main_cached_ != nullptr) {
    free_chunk_of_cpython(std::exchange(main_cached_, nullptr));
  }
  free_spare();
  main_may_look_at_ = nullptr;
  in_place_ = nullptr;
  fitting_end_ = nullptr;
  const DataStackChunk* chunk = thread != nullptr ? data_stack_position(thread).chunk : nullptr;
  for (; chunk != nullptr; chunk = previous_chunk(chunk)) {
    const DomainChunk* const shared = DomainChunk::of(chunk);
    others_free_chunks_ |= shared != nullptr && shared->owner == this;
  }
}

void SharedDataStack::keep(SavedFrames* saved) noexcept {
  add_to(kept_, saved);  // without memory for the list, the block is never freed
}

void SharedDataStack::free_memory() noexcept {
  for (SavedFrames* const saved : kept_) free_ended(saved);
  kept_.clear();
  if (domain_.is_open()) return;
  free_read();
  if (others_free_chunks_) return;
  if (running_was_abandoned_) {
    // All before any is freed: is_behind_first() goes through the older ones.
    for (DomainChunk* chunk = further_; chunk != nullptr; chunk = chunk->next) {
      if (chunk->in_use && is_behind_first(*chunk)) chunk->in_use = false;
    }
  }
  for (DomainChunk* chunk = further_; chunk != nullptr;) {
    DomainChunk* const next = chunk->next;
    if (!chunk->in_use) free_chunk(*chunk);
    chunk = next;
  }
  if (first_ != nullptr) free_chunk(*first_);
}

// Whether `chunk` is part of the data stack that begins with first_. Otherwise CPython kept it for
// the next call when greenlet switched away from a tealet, and another greenlet made that call.
// Precondition: CPython has it in a data stack.
bool SharedDataStack::is_behind_first(DomainChunk& chunk) const noexcept {
  const DataStackChunk* oldest = chunk.chunk();
  while (previous_chunk(oldest) != nullptr) oldest = previous_chunk(oldest);
  return first_ != nullptr && oldest == first_->chunk();
}

DataStackChunk* SharedDataStack::take_chunk(std::size_t size) {
  const bool fits = spare_ != nullptr && spare_->size == size;
  if (TEALET_LIKELY(fits)) {
    spare_->in_use = true;
    return std::exchange(spare_, nullptr)->chunk();
  }
  free_spare();
  // If greenlet switches away from a tealet, CPython may give a chunk that it kept to another
  // greenlet. So no tealet may have saved frames in it.
  const bool is_shared = !chunks_are_cached() || !has_greenlet();
  DomainChunk* found = is_shared ? further_ : nullptr;
  // CPython writes the size that it asked for into the chunk.
  while (found != nullptr && (found->in_use || !found->is_shared || found->size != size)) {
    found = found->next;
  }
  if (found == nullptr) {
    const std::size_t bytes = DomainChunk::block_size(size);
    void* block = domain_.memory().try_allocate_large(bytes);
    if (TEALET_UNLIKELY(block == nullptr)) {
      // A tealet that is being closed must unwind, and a tool must not fail in the tealet's place.
      // A call that cannot be refused gets its chunk, and the next pause fails instead.
      const bool exempt = !calls_can_be_refused || domain_.current_tealet->exiting != 0 ||
                          PyThreadState_Get()->tracing != 0;
      const tealet::core::WithoutLimit lifted(domain_.memory(), exempt);
      if (exempt) block = domain_.memory().try_allocate_large(bytes);
    }
    if (TEALET_UNLIKELY(block == nullptr)) {
      set_error(Errc::memory, domain_.current_tealet);
      return nullptr;
    }
    found = make_chunk(block, size, is_shared);
    found->next = std::exchange(further_, found);
  }
  found->in_use = true;
  ++found->users;
  return found->chunk();
}

void SharedDataStack::return_chunk(DomainChunk& chunk) noexcept {
  chunk.in_use = false;
  // The first chunk comes back only when a whole data stack is freed, by greenlet or at the end of
  // a thread.
  const bool call_has_returned = in_place_ != nullptr && &chunk != first_;
  const bool keeps_one = spare_ != nullptr || chunks_are_cached();
  // A chunk that is kept would be missing for other memory.
  const bool has_limit = domain_.memory().limit() != tealet::CountingAllocator::no_limit;
  if (call_has_returned && !keeps_one && !has_limit && chunk.users == 1) {
    spare_ = &chunk;
  } else {
    release(chunk);
  }
}

DomainChunk* SharedDataStack::make_chunk(void* block, std::size_t size, bool is_shared) noexcept {
  domain_.totals().data_stack_made(DomainChunk::block_size(size));
  return ::new (block) DomainChunk(size, *this, is_shared);
}

void SharedDataStack::free_chunk(DomainChunk& chunk) noexcept {
  DomainChunk** link = &chunk == first_ ? &first_ : &further_;
  while (*link != &chunk) link = &(*link)->next;
  *link = chunk.next;
  const std::size_t bytes = DomainChunk::block_size(chunk.size);
  chunk.~DomainChunk();
  domain_.totals().data_stack_freed(bytes);
  tealet::CountingAllocator& memory = domain_.memory();
  memory.deallocate_large(&chunk, bytes);
  // A cached block would be used again in spite of the limit.
  if (TEALET_UNLIKELY(!is_within_limit(memory))) memory.trim();
}

void SharedDataStack::release(DomainChunk& chunk) noexcept {
  TEALETPP_CHECK(chunk.users > 0);
  if (--chunk.users == 0) free_chunk(chunk);
}

std::size_t SharedDataStack::domain_bytes() const noexcept {
  std::size_t bytes = first_ != nullptr ? DomainChunk::block_size(first_->size) : 0;
  for (const DomainChunk* chunk = further_; chunk != nullptr; chunk = chunk->next) {
    bytes += DomainChunk::block_size(chunk->size);
  }
  for (const SavedFrames* const saved : read_) bytes += saved->block_size();
  return bytes;
}

}  // namespace tealetpp
