// The errors of all three APIs. The engine returns these codes, the C++ API throws the exceptions
// below, the Python API raises exceptions with the same names, and the C API has codes of its own.
#pragma once

#include <tealet/detail/compiler.h>

#include <new>
#include <stdexcept>
#include <string>

namespace tealet {

// The engine's result codes. If the code is not `ok`, every tealet is as it was.
enum class Errc : int {
  ok = 0,
  memory = -1,           // an allocation failed, or would have passed the memory limit
  defunct = -2,          // the tealet's stack was given up when memory ran out
  invalid = -3,          // the tealet's status does not allow this, or it would be its own ancestor
  foreign = -4,          // the tealet belongs to another domain
  outside = -5,          // the domain was opened inside a tealet that does not run now
  thread = -6,           // the domain belongs to another thread
  stack_exhausted = -7,  // the C stack has too little space left to begin another tealet
  refused = -8,          // the tealet was unwound, and switched away instead of ending
  moved = -9,            // another library moved the C stack while a tealet of the domain ran
};

// One sentence for `code`, without values.
TEALET_API const char* describe(Errc code) noexcept;

// Base of all errors of the library except MemoryError.
class TEALET_API Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& what) : std::runtime_error(what), code_(code) {}
  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

// Errc::invalid, foreign, outside or moved: the tealet does not allow this call now.
class TEALET_API InvalidError : public Error {
 public:
  using Error::Error;
};

// Errc::defunct: the tealet can be destroyed, never resumed.
class TEALET_API DefunctError : public Error {
 public:
  using Error::Error;
};

// Errc::thread: a domain was used on another thread than its own.
class TEALET_API ThreadError : public Error {
 public:
  using Error::Error;
};

// Errc::memory. Derived from std::bad_alloc, so that handlers of that catch it.
class TEALET_API MemoryError : public std::bad_alloc {
 public:
  const char* what() const noexcept override { return describe(Errc::memory); }
};

// Throws the exception that belongs to `code`, which must not be `ok`. `context`, what was being
// done, begins its message.
[[noreturn]] TEALET_API void throw_error(Errc code, const std::string& context);

}  // namespace tealet
