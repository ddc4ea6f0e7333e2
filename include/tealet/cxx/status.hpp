// The status of a tealet: the same in the engine and in the C++ and Python APIs.
#pragma once

#include <tealet/detail/compiler.h>

#include <cstdint>

namespace tealet {

enum class Status : std::uint8_t {
  New,        // has not begun
  Stub,       // is captured, and has no function yet
  Suspended,  // is paused
  Running,    // runs now
  Exited,     // has ended
  Defunct,    // cannot be resumed: its stack was given up when memory ran out
};

// The word for `status`, in lower case: "suspended".
TEALET_API const char* describe(Status status) noexcept;

}  // namespace tealet
