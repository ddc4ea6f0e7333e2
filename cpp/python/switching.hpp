// Switching between Python tealets.
//
// No function of pybind11's dispatcher may call any of these. The dispatcher keeps a per-thread
// list on the C stack whose entries must be removed in reverse order, and it catches every
// exception, also the unwinding that guarded.hpp stops.
#pragma once

#include "core/domain.hpp"
#include "python/python_hooks.hpp"
#include "python/python_tealet.hpp"

namespace tealetpp {

// Hooks::run: calls the function of a tealet that has just begun. Guarded.
Message run(Node& node, Message received);
// Switches to `target` with `out` and returns the value passed by the next switch back: a new
// reference, or nullptr with an exception set. Consumes the reference in `out`, also on failure.
PyObject* transfer_to(Tealet* target, Message out);
// Whether a tealet is new or a stub, and can be switched to. Sets an exception if not.
bool can_begin(Tealet* target);
// Begins a tealet with these arguments. Precondition: can_begin(), and its function is set.
PyObject* start(Tealet* target, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords);
// Raises the exit in a paused tealet. `result` is the value passed by the next switch back. If the
// code is not ok nothing has switched, and no exception is set. The caller must end_pending().
Errc unwind(Tealet* target, PyObject*& result);
// Among `running` and the tealets that enclose its domain, the one in which the exit was raised
// last; `running` if in none.
Tealet* latest_to_exit(Tealet* running);

}  // namespace tealetpp
