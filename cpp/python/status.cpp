// The enumeration Status.
#include <pybind11/native_enum.h>

#include <array>

#include "registry.hpp"

namespace tealetpp {

namespace {

// Strong, and by value: pybind11 would look the member up through Python code.
std::array<PyObject*, 6> members{};

}  // namespace

PyObject* to_python(Status status) { return Py_NewRef(members[static_cast<std::size_t>(status)]); }

void register_status(py::module_& module) {
  py::native_enum<Status>(module, "Status", "enum.Enum", "What a tealet is doing.")
      .value("NEW", Status::New, "has not begun")
      .value("STUB", Status::Stub, "has a captured stack, and no function yet")
      .value("SUSPENDED", Status::Suspended, "is paused")
      .value("RUNNING", Status::Running, "is the one that runs now")
      .value("EXITED", Status::Exited, "has ended")
      .value("DEFUNCT", Status::Defunct, "cannot be resumed: its stack was given up")
      .finalize();
  const py::object type = module.attr("Status");
  for (std::size_t i = 0; i < members.size(); ++i) members[i] = type(i).release().ptr();
}

}  // namespace tealetpp
