#include "python/error_types.hpp"

#include <string>

#include "python/exceptions.hpp"
#include "python/registry.hpp"

namespace tealetpp {

namespace {

PyObject* add_exception(py::module_& module, const char* name, py::handle bases, const char* doc) {
  const std::string qualified = std::string("tealetpp.") + name;
  PyObject* type = PyErr_NewExceptionWithDoc(qualified.c_str(), doc, bases.ptr(), nullptr);
  if (type == nullptr) throw py::error_already_set();
  module.add_object(name, py::handle(type));
  return type;
}

// TealetExit counts as a normal return.
Message result_of_raised(PyObject* raised) {
  raised = without_exit(raised, tealet_hooks.exit);
  if (raised != nullptr) return {Signal::error, raised};
  return {Signal::value, Py_NewRef(Py_None)};
}

}  // namespace

PythonHooks tealet_hooks;

void register_errors(py::module_& module) {
  PythonHooks& hooks = tealet_hooks;
  hooks.exit = add_exception(
      module, "TealetExit", PyExc_BaseException,
      "Raised at the pause point of a tealet that is being closed, so that its ``finally`` and\n"
      "``with`` blocks run. Leaving the tealet's function it counts as a normal return.");
  hooks.error = add_exception(module, "TealetError", PyExc_Exception,
                              "Base of all errors of tealetpp except MemoryError.");
  hooks.invalid_error = add_exception(
      module, "InvalidError", py::make_tuple(py::handle(hooks.error), py::handle(PyExc_ValueError)),
      "The call makes no sense for this tealet as it is now; every tealet is as it was.");
  hooks.defunct_error = add_exception(
      module, "DefunctError", hooks.error,
      "The tealet's stack was given up when memory ran out: it can be closed, never resumed.");
  hooks.thread_error =
      add_exception(module, "ThreadError", hooks.error,
                    "A domain was used on another thread than the one that opened it.");
  hooks.result_of_raised = result_of_raised;
}

}  // namespace tealetpp
