// The enumeration Status.
#include <pybind11/native_enum.h>

#include "registry.hpp"

namespace tealetpp {

void register_status(py::module_& module) {
  py::native_enum<Status>(module, "Status", "enum.Enum", "What a tealet is doing.")
      .value("NEW", Status::New, "has not begun")
      .value("STUB", Status::Stub, "has a captured stack, and no function yet")
      .value("SUSPENDED", Status::Suspended, "is paused")
      .value("RUNNING", Status::Running, "is the one that runs now")
      .value("EXITED", Status::Exited, "has ended")
      .value("DEFUNCT", Status::Defunct, "cannot be resumed: its stack was given up")
      .finalize();
}

}  // namespace tealetpp
