// An open chunk that extends a full one, so that calls over the edge need no chunk each.
//
// After a pause, the newest chunk of a tealet is full. When its newest frame F calls a function,
// CPython adds a chunk and frees it when the call returns, for each call. Since 3.12 it also leaves
// the specialised path of the call. So after a few calls of F we keep the open chunk:
//
//     full chunk   [header][... frames ...][header *][F]
//     open chunk   [header][frames of what F calls ...                      ][Extension]
//                          ^ top of the thread's data stack            limit ^
//
// The thread's newest chunk is the one at (*): a stand-in, whose first frame is F. When F returns,
// CPython frees the stand-in, as it does with every chunk whose first frame returns. That tells us
// that the extension ends. If F is the first frame of the full chunk, the chunk needs no stand-in.
//
// The stand-in lies in the words at the end of the evaluation stack of F's caller. It is made only
// if they are unused until F returns. That is known if the caller is a Python frame that has called
// F without C code in between. Nobody looks at these words then: not even CPython knows of them.
//
// A pause, too, ends the extension. If frames lie in the open chunk, it becomes a chunk as any.
#pragma once

#include <cstddef>

#include "python/cpython/data_stack.hpp"

namespace tealetpp {

class Extension {
 public:
  // Makes `open`, which CPython is freeing because its first frame has returned, extend the chunk
  // before it. False, and nothing has changed, if that is not possible.
  static bool begin(PyThreadState* thread, DataStackChunk* open) noexcept;
  // The extension of which `chunk` is the stand-in or the extended chunk; nullptr if there is none.
  static Extension* of(const void* chunk) noexcept;

  // The size that `chunk` has when nothing extends it.
  static std::size_t size_without(const DataStackChunk* chunk) noexcept;

  const DataStackChunk* open() const noexcept { return open_; }
  bool has_stand_in() const noexcept { return newest_ != extended_; }

  // Ends it, when CPython frees newest_. Returns the open chunk, which nobody uses any more.
  DataStackChunk* end_at_return() noexcept;
  // Ends it at a pause. `oldest_behind`: the chunk that CPython has added behind it; nullptr if
  // there is none. Returns the open chunk if nobody uses it any more.
  DataStackChunk* end_at_pause(PyThreadState* thread, DataStackChunk* oldest_behind) noexcept;

 private:
  Extension(DataStackChunk* open, DataStackChunk* extended, DataStackChunk* newest,
            PyObject** end) noexcept;
  void end() noexcept;

  DataStackChunk* const open_;
  DataStackChunk* const extended_;
  DataStackChunk* const newest_;  // in the thread state: the stand-in or extended_
  PyObject** const end_;          // of the frames in extended_
  const std::size_t size_;        // of extended_
  Extension* next_;
};

// All extensions of all threads. Guarded by the global interpreter lock.
extern Extension* extensions;

}  // namespace tealetpp
