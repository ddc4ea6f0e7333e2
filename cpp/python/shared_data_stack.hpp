// The data stack of a domain: all its tealets share it, as they share the C stack.
//
// The frames of the tealet that runs begin at the bottom of the data stack. When it pauses, they
// stay *in place* until another tealet of the domain runs. Then they move to a block of their size:
// SavedFrames. Before the tealet runs again, they return to the addresses where they were.
//
// - Moving frames cannot fail: the block is allocated when the tealet pauses. Each paused tealet
//   that has begun has one, and keeps it while it runs.
// - A chunk beyond the first is kept while any tealet has frames in it, in place or saved. The
//   first one is kept while any tealet has begun and not ended.
// - A chunk that is taken with greenlet loaded, on a CPython that keeps a freed chunk for the next
//   call, is for one tealet. Frames never move out of it.
// - A main tealet has the data stack of its callers.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "port/compiler.hpp"
#include "python/cpython/data_stack.hpp"
#include "python/domain_chunk.hpp"
#include "python/python_tealet.hpp"
#include "python/saved_frames.hpp"

namespace tealetpp {

class SharedDataStack {
 public:
  explicit SharedDataStack(PythonDomain& domain) noexcept : domain_(domain) {}
  ~SharedDataStack();
  SharedDataStack(const SharedDataStack&) = delete;
  SharedDataStack& operator=(const SharedDataStack&) = delete;

  // Called before a tealet begins, so that begin() cannot fail. False if there is no memory, and
  // nothing has changed. Cannot fail if a tealet of the domain has begun and not ended.
  bool add_user() noexcept;
  // Rolls back add_user().
  void remove_user() noexcept;

  // `node` begins to run. `arguments` is corrected if it points to frames that move.
  void begin(PyThreadState* thread, Node& node, PyObject* const*& arguments) noexcept;
  // The running tealet is about to pause. False if there is no memory, or if the domain is past its
  // limit and not `exempt` from it: the tealet must go on then.
  bool pause(PyThreadState* thread, Node& node, bool exempt) {
    if (TEALET_UNLIKELY(is_chunk_kept(thread))) put_away_kept(thread, node);
    const DataStackPosition end = data_stack_position(thread);
    const bool fits = end.top == fitting_end_ && !node.hosts;
    if (TEALET_LIKELY(fits)) return true;
    if (!node.is_main()) return pause_slow(thread, node, exempt);
    main_ = end;
    return true;
  }
  // `node` runs again.
  void resume(PyThreadState* thread, Node& node) noexcept {
    const bool is_simple = in_place_ == &node && !node.hosts;
    if (TEALET_LIKELY(is_simple)) {
      use_data_stack(thread, in_place_end_);
    } else if (node.is_main()) {
      if (TEALET_UNLIKELY(main_has_read_)) return_for_main();
      use_data_stack(thread, main_);
      if (TEALET_UNLIKELY(main_cached_ != nullptr)) return_cached(thread);
    } else {
      resume_slow(thread, node);
    }
  }
  // The running tealet has no frames any more, and never runs again.
  void end(PyThreadState* thread, Node& node) noexcept;
  // A paused tealet never runs again. Its frames are saved from then on. Once nothing refers to
  // them, the caller calls free_ended() with what is returned. nullptr if it has not begun.
  SavedFrames* end_paused(Node& node) noexcept;
  // Frees a block of end_paused(), and the chunks of other allocators in which its frames were.
  void free_ended(SavedFrames* saved) noexcept;
  // The same later: free_memory() does it.
  void keep(SavedFrames* saved) noexcept;
  // Frees the block of a tealet whose frames are not in it.
  void free(SavedFrames* saved) noexcept;
  // The running tealet never runs again, and its frames stay in place. `others_free_it`: another
  // library frees the data stack. If the thread state has it, CPython does.
  void abandon_running(PyThreadState* thread, bool others_free_it) noexcept;
  // Frees what was kept. If the domain is closed, also its chunks, unless others free them.
  // Precondition: no frames are left in that memory.
  void free_memory() noexcept;

  // A chunk of `size` bytes for CPython; nullptr if there is no memory.
  DataStackChunk* take_chunk(std::size_t size);
  // CPython has no frames in `chunk` any more.
  void return_chunk(DomainChunk& chunk) noexcept;

  // Bytes that belong to no tealet: those of all chunks, and of blocks that are freed soon.
  std::size_t domain_bytes() const noexcept;

 private:
  // Whether a chunk is kept for the next call: by CPython, or else by us.
  bool is_chunk_kept(PyThreadState* thread) const noexcept {
    return chunks_are_cached() ? cached_chunk(thread) != nullptr : spare_ != nullptr;
  }
  // Takes that chunk back. `node` pauses or ends, so another execution may make the next call.
  TEALETPP_NOINLINE void put_away_kept(PyThreadState* thread, const Node& node) noexcept;
  void put_away_cached(PyThreadState* thread, const Node& node) noexcept;
  void free_spare() noexcept;
  void return_cached(PyThreadState* thread) noexcept {
    set_cached_chunk(thread, std::exchange(main_cached_, nullptr));
  }
  bool pause_slow(const PyThreadState* thread, Node& node, bool exempt);
  // Makes the block of `node` fit its frames.
  bool reserve(Node& node, bool exempt);
  TEALETPP_NOINLINE void resume_slow(PyThreadState* thread, Node& node) noexcept;
  // `node` pauses: records and returns where its frames end. nullptr: its domain is being
  // discarded.
  DataStackPosition record_end(const PyThreadState* thread, const Node* node) noexcept;
  // Where the frames end that run when `node` is resumed: its own, or those of the inner domain's
  // tealet that ran inside it.
  DataStackPosition end_of(const Node* node) const noexcept;
  // Moves the frames that are in place to their block.
  void move_out() noexcept;
  // The same, because another tealet runs now.
  void make_room() noexcept;
  // Moves frames that main may be looking at back to where they were when main paused.
  TEALETPP_NOINLINE void return_for_main() noexcept;
  void restore(Node& node) noexcept;
  void free_now(SavedFrames* saved) noexcept;
  void free_read() noexcept;
  DomainChunk* make_chunk(void* block, std::size_t size, bool is_shared) noexcept;
  bool is_behind_first(DomainChunk& chunk) const noexcept;
  void free_chunk(DomainChunk& chunk) noexcept;
  // `chunk` has lost a user.
  void release(DomainChunk& chunk) noexcept;

  PythonDomain& domain_;
  DomainChunk* first_ = nullptr;
  DomainChunk* further_ = nullptr;  // a list of the others
  // One of them that CPython has freed while a tealet runs. It is kept for the tealet's next call,
  // and counts as live until the tealet pauses or ends.
  DomainChunk* spare_ = nullptr;
  Node* in_place_ = nullptr;        // the tealet whose frames are in place
  DataStackPosition in_place_end_;  // of these frames, when that tealet last paused
  // The top of in_place_end_ if all these frames are in the first chunk; else nullptr. The tealet's
  // block fits whenever its frames end there.
  PyObject** fitting_end_ = nullptr;
  DataStackPosition main_;                 // the end of main's frames, while main is paused
  DataStackChunk* main_cached_ = nullptr;  // what CPython keeps for main, while main is paused
  // The tealet whose frames were in place when main paused, if something else refers to frame
  // objects of these. See `frames_are_read_while_code_runs`.
  Node* main_may_look_at_ = nullptr;
  bool running_was_abandoned_ = false;
  bool others_free_chunks_ = false;
  std::vector<SavedFrames*> kept_;  // for free_memory()
  // Blocks that main or a tealet may be reading. Freed when main runs again.
  std::vector<SavedFrames*> read_;
  bool main_has_read_ = false;  // main_may_look_at_ or read_ is not empty
};

}  // namespace tealetpp
