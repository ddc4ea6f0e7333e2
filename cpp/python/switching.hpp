// Switching between Python tealets.
//
// No function of pybind11's dispatcher may call any of these. The dispatcher keeps a per-thread
// list on the C stack whose entries must be left in the order in which they were entered, and it
// catches the unwinding that guarded.hpp keeps away.
#pragma once

#include "core/domain.hpp"
#include "python/python_hooks.hpp"
#include "python/python_tealet.hpp"

namespace tealetpp {

// The hooks of a domain that runs Python.
extern const tealet::core::Hooks engine_hooks;

// Hands `out` over to `target` and returns the value passed by the next switch back: a new
// reference, or nullptr with an exception set. Consumes the reference in `out`, also on failure.
PyObject* transfer_to(Tealet* target, Message out);
// Whether a tealet is new or a stub, and can be switched to. Sets an exception if not.
bool can_begin(Tealet* target);
// Begins a tealet that can_begin(), whose function is set, with these arguments.
PyObject* start(Tealet* target, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords);
// Raises the exit in a paused tealet. `result` is the value passed by the next switch back. If the
// code is not ok nothing has switched, and no exception is set. The caller must end_pending().
Errc unwind(Tealet* target, PyObject*& result);
// Of `running` and the tealets that its domain lies in, the one in which the exit was raised last;
// `running` if in none.
Tealet* latest_to_exit(Tealet* running);

}  // namespace tealetpp
