#include <tealet/cxx/status.hpp>

namespace tealet {

const char* describe(Status status) noexcept {
  switch (status) {
    case Status::New:
      return "new";
    case Status::Stub:
      return "stub";
    case Status::Suspended:
      return "suspended";
    case Status::Running:
      return "running";
    case Status::Exited:
      return "exited";
    case Status::Defunct:
      return "defunct";
  }
  return "unknown";
}

}  // namespace tealet
