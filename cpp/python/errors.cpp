#include "errors.hpp"

namespace tealetpp {

PyObject* tealet_exit = nullptr;
PyObject* tealet_error = nullptr;
PyObject* invalid_error = nullptr;
PyObject* defunct_error = nullptr;
PyObject* thread_error = nullptr;

namespace {

PyObject* add_exception(py::module_& module, const char* name, py::handle bases, const char* doc) {
  const std::string qualified = std::string("tealetpp.") + name;
  PyObject* type = PyErr_NewExceptionWithDoc(qualified.c_str(), doc, bases.ptr(), nullptr);
  if (type == nullptr) throw py::error_already_set();
  module.add_object(name, py::handle(type));
  return type;
}

// "1000 bytes of 1024 allowed are in use" is what explains a refusal; without a limit the system
// has nothing left.
void set_memory_error(const PythonDomain& domain) {
  const tealet::CountingAllocator& memory = domain.memory();
  if (memory.limit() == tealet::CountingAllocator::no_limit) {
    PyErr_NoMemory();
    return;
  }
  PyErr_Format(PyExc_MemoryError,
               "past the memory limit of the domain: %zu bytes of %zu are in use",
               memory.bytes_from_upstream(), memory.limit());
}

}  // namespace

void set_error(Errc code, TealetObject* tealet) {
  PythonDomain& domain = tealet->domain();
  PyObject* object = tealet->object();
  PyObject* main = domain.main_object->object();
  const char* why = tealet::describe(code);
  switch (code) {
    case Errc::memory:
      set_memory_error(domain);
      break;
    case Errc::defunct:
      PyErr_Format(defunct_error, "%R cannot be resumed: %s", object, why);
      break;
    case Errc::thread:
      PyErr_Format(thread_error, "%R cannot be used on this thread: %s", object, why);
      break;
    case Errc::outside:
      PyErr_Format(invalid_error,
                   "%R cannot be used here: its domain, %R, was opened inside a "
                   "tealet that is not the running one",
                   object, main);
      break;
    case Errc::no_room:
      PyErr_Format(PyExc_RecursionError, "%R cannot begin: %s", object, why);
      break;
    case Errc::refused:
      PyErr_Format(tealet_error, "%R refuses to end: %s", object, why);
      break;
    default:
      PyErr_Format(invalid_error, "%R: %s", object, why);
  }
}

void register_errors(py::module_& module) {
  tealet_exit = add_exception(
      module, "TealetExit", PyExc_BaseException,
      "Raised at the pause point of a tealet that is being closed, so that its ``finally`` and\n"
      "``with`` blocks run. Leaving the tealet's function it is taken as a normal end.");
  tealet_error = add_exception(module, "TealetError", PyExc_Exception,
                               "Base of all errors of tealetpp except MemoryError.");
  invalid_error = add_exception(
      module, "InvalidError",
      py::make_tuple(py::handle(tealet_error), py::handle(PyExc_ValueError)),
      "The call makes no sense for this tealet as it is now; every tealet is as it was.");
  defunct_error = add_exception(
      module, "DefunctError", tealet_error,
      "The tealet's stack was given up when memory ran out: it can be closed, never resumed.");
  thread_error = add_exception(module, "ThreadError", tealet_error,
                               "A domain was used on another thread than the one that opened it.");
}

}  // namespace tealetpp
