// What a tealet is doing: the same six words in the engine and on all its faces.
#pragma once

#include <tealet/detail/compiler.h>

#include <cstdint>

namespace tealet {

enum class Status : std::uint8_t {
  New,        // has not begun
  Stub,       // has begun, and waits for a function
  Suspended,  // is paused
  Running,    // is the one that runs now
  Exited,     // has ended
  Defunct,    // cannot be resumed: its stack was given up when memory ran out
};

// The word for `status`, in lower case: "suspended".
TEALET_API const char* describe(Status status) noexcept;

}  // namespace tealet
