// What can go wrong, once for all three faces: the engine returns these codes, the C++ face throws
// the exceptions below, the Python face raises its own of the same names.
#pragma once

#include <tealet/detail/compiler.h>

#include <new>
#include <stdexcept>
#include <string>

namespace tealet {

// The engine's result codes. Whatever is not `ok` leaves every tealet as it was.
enum class Errc : int {
  ok = 0,
  memory = -1,   // an allocation failed, or would have passed the memory limit
  defunct = -2,  // the tealet's stack was given up when memory ran out
  invalid = -3,  // the tealet's status does not allow it, or a parent would be its own ancestor
  foreign = -4,  // the tealet belongs to another domain
  outside = -5,  // the domain was opened in a tealet that is not the running one, or has ended
  thread = -6,   // the domain belongs to another thread
  stack_exhausted = -7,  // too little of the thread's C stack is left to begin another tealet
  refused = -8,          // asked to unwind, the tealet switched away instead of ending
  moved = -9,            // another library has moved the C stack while a tealet of the domain ran
};

// One sentence for `code`, without the values involved.
TEALET_API const char* describe(Errc code) noexcept;

// Base of all errors of the library except MemoryError.
class TEALET_API Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& what) : std::runtime_error(what), code_(code) {}
  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

// Errc::invalid, foreign, outside or moved: the call makes no sense for this tealet as it is now.
class TEALET_API InvalidError : public Error {
 public:
  using Error::Error;
};

// Errc::defunct: the tealet can be destroyed, never resumed.
class TEALET_API DefunctError : public Error {
 public:
  using Error::Error;
};

// Errc::thread: a domain is used on another thread than its own.
class TEALET_API ThreadError : public Error {
 public:
  using Error::Error;
};

// Errc::memory. A std::bad_alloc, so that code which handles running out of memory handles this.
class TEALET_API MemoryError : public std::bad_alloc {
 public:
  const char* what() const noexcept override { return describe(Errc::memory); }
};

// Throws the exception that stands for `code`, which must not be `ok`; `context` says what was
// being done to which tealet.
[[noreturn]] TEALET_API void throw_error(Errc code, const std::string& context);

}  // namespace tealet
