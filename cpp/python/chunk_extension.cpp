#include "python/chunk_extension.hpp"

#include <cstdint>
#include <new>

#include "core/check.hpp"
#include "python/cpython/frame_slots.hpp"
#include "python/cpython/thread_state.hpp"

namespace tealetpp {

Extension* extensions = nullptr;

namespace {

// Where a frame of this address ends.
PyObject** end_of(_PyInterpreterFrame* frame) noexcept {
  return reinterpret_cast<PyObject**>(frame) + words_of_code(code_of_frame(frame));
}

bool lies_on_data_stack(const _PyInterpreterFrame* frame) noexcept {
  return frame->owner == FRAME_OWNED_BY_THREAD;
}

// The newest frame of the data stack that remains after the first frame of `popped` has returned;
// nullptr if there is none.
_PyInterpreterFrame* newest_frame(const PyThreadState* thread, DataStackChunk* popped) noexcept {
  _PyInterpreterFrame* frame = running_frame(thread);
  // 3.11 unlinks the frame later.
  if (reinterpret_cast<PyObject**>(frame) == begin_of_frames(popped)) frame = frame->previous;
  while (frame != nullptr && !lies_on_data_stack(frame)) frame = frame->previous;
  return frame;
}

// Whether the last words of the caller of `frame` are unused until `frame` returns, so that the
// header of a chunk can lie there.
bool has_place_for_stand_in(_PyInterpreterFrame* frame) noexcept {
  _PyInterpreterFrame* const caller = frame->previous;
  if (caller == nullptr || !lies_on_data_stack(caller)) return false;
  if (end_of(caller) != reinterpret_cast<PyObject**>(frame)) return false;
  const PyCodeObject* const code = code_of_frame(caller);
  const int filled = filled_slots(caller);
  return filled >= code->co_nlocalsplus &&
         filled + words_of_header <= code->co_nlocalsplus + code->co_stacksize;
}

// The limit of the thread's data stack becomes `limit` when CPython makes `chunk` the newest one.
void set_limit(DataStackChunk* chunk, const void* limit) noexcept {
  // The difference may be negative. CPython adds it to the same address.
  set_size_of_chunk(
      chunk, reinterpret_cast<std::uintptr_t>(limit) - reinterpret_cast<std::uintptr_t>(chunk));
}

}  // namespace

bool Extension::begin(PyThreadState* thread, DataStackChunk* open) noexcept {
#ifdef Py_DEBUG
  return false;  // it asserts that the top of the data stack is the end of the frame that returns
#endif
  DataStackChunk* const extended = previous_chunk(open);
  PyObject** const end = end_of_frames(extended);
  // Otherwise CPython is freeing a data stack that is not in use.
  if (newest_chunk(thread) != extended || end_of_newest_frame(thread) != end) return false;
  _PyInterpreterFrame* const frame = newest_frame(thread, open);
  if (frame == nullptr || end_of(frame) != end) return false;
  DataStackChunk* newest = extended;
  if (reinterpret_cast<PyObject**>(frame) != begin_of_frames(extended)) {
    if (!has_place_for_stand_in(frame)) return false;
    newest = chunk_beginning_with(frame);
  }
  auto* const place = reinterpret_cast<char*>(end_of_chunk(open)) - sizeof(Extension);
  extensions = ::new (place) Extension(open, extended, newest, end);
  if (newest != extended) {
    set_end_of_frames(extended, reinterpret_cast<PyObject**>(frame));  // once the frame returns
    set_previous_chunk(newest, extended);
    set_limit(newest, place);
  }
  set_limit(extended, place);
  use_data_stack(thread, newest, begin_of_frames(open), reinterpret_cast<PyObject**>(place));
  return true;
}

Extension::Extension(DataStackChunk* open, DataStackChunk* extended, DataStackChunk* newest,
                     PyObject** end) noexcept
    : open_(open),
      extended_(extended),
      newest_(newest),
      end_(end),
      size_(size_of_chunk(extended)),
      next_(extensions) {}

Extension* Extension::of(const void* chunk) noexcept {
  Extension* extension = extensions;
  while (extension != nullptr && extension->newest_ != chunk) extension = extension->next_;
  return extension;
}

std::size_t Extension::size_without(const DataStackChunk* chunk) noexcept {
  const Extension* extension = extensions;
  while (extension != nullptr && extension->extended_ != chunk) extension = extension->next_;
  return extension != nullptr ? extension->size_ : size_of_chunk(chunk);
}

void Extension::end() noexcept {
  Extension** link = &extensions;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
  set_size_of_chunk(extended_, size_);
}

DataStackChunk* Extension::end_at_return() noexcept {
  end();
  return open_;
}

DataStackChunk* Extension::end_at_pause(PyThreadState* thread,
                                        DataStackChunk* oldest_behind) noexcept {
  end();
  PyObject** const top =
      oldest_behind != nullptr ? end_of_frames(newest_) : end_of_newest_frame(thread);
  set_end_of_frames(extended_, end_);
  if (top == begin_of_frames(open_)) {
    if (oldest_behind != nullptr) {
      set_previous_chunk(oldest_behind, extended_);
    } else {
      use_data_stack(thread, extended_, end_);
    }
    return open_;
  }
  set_previous_chunk(open_, extended_);
  set_end_of_frames(open_, top);
  if (oldest_behind != nullptr) {
    set_previous_chunk(oldest_behind, open_);
  } else {
    use_data_stack(thread, open_, top);
  }
  return nullptr;
}

}  // namespace tealetpp
