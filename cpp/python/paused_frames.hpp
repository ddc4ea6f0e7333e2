// Ends a paused execution without resuming it: drops what its frames own.
#pragma once

#include "python/cpython/data_stack.hpp"
#include "python/execution.hpp"

namespace tealetpp {

// Registers a method that pauses its caller. `descriptor` is what the interpreter has on the
// evaluation stack of the calling frame, below the tealet and the arguments. Borrowed for good.
void add_pausing_method(PyObject* descriptor);

// Ends `execution`, which is paused and never runs again: drops what its frames and the rest of it
// own, and frees its data stack. Frame objects that are held from outside, in a traceback say, take
// their frames over.
//
// Only the C stack knows what C functions on it own, and what the expressions that called them had
// computed by then. Both leak. But if the newest frame called one of the pausing methods itself,
// what it had computed is found and dropped.
//
// Any code may run.
void drop_paused(Execution& execution, TakeBackChunk take_back);

}  // namespace tealetpp
