// Ends a paused execution without resuming it: drops what its frames own.
#pragma once

#include "python/execution.hpp"

namespace tealetpp {

// Registers a method that pauses its caller. `descriptor` is the object that the interpreter pushes
// on the evaluation stack for a call of the method, before the tealet and the arguments. Borrowed:
// it must never be freed.
void add_pausing_method(PyObject* descriptor);

// Ends `execution`, which is paused and never runs again: drops all references of it and its
// frames. If something else refers to a frame object, such as a traceback, that object takes its
// frame over. Any code may run.
//
// References that C functions own leak, because only the C stack has them. Up to CPython 3.13, so
// do intermediate values of the Python expressions that called these functions. But those of the
// newest frame are dropped if it called a pausing method directly.
void drop_paused(Execution& execution);

}  // namespace tealetpp
