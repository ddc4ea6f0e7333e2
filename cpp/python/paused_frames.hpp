// Giving back what the frames of a paused execution own, without resuming it.
#pragma once

#include "python/thread_state.hpp"

namespace tealetpp {

// Registers a method that pauses its caller. `descriptor` is what the interpreter has on the
// evaluation stack of the calling frame, below the tealet and the arguments. Borrowed for good.
void add_pausing_method(PyObject* descriptor);

// Ends `execution`, which is paused and never runs again: drops what its frames and the rest of it
// own, and frees its data stack. Frames that somebody holds, in a traceback say, become that
// somebody's. What is left behind is what C functions on its stack own, and what the expressions
// that called them had computed by then: nobody but the C stack knows of either.
//
// But where the newest frame called one of the pausing methods itself, what it had computed is
// known.
//
// Any code may run. `give` takes a first chunk back, with its owner: see make_first_chunk().
void drop_paused(Execution& execution, void (*give)(void* owner, _PyStackChunk* chunk));

}  // namespace tealetpp
