#include <tealet/cxx/error.hpp>

namespace tealet {

const char* describe(Errc code) noexcept {
  switch (code) {
    case Errc::ok:
      return "no error";
    case Errc::memory:
      return "out of memory, or past the memory limit";
    case Errc::defunct:
      return "the tealet is defunct: its stack was given up when memory ran out";
    case Errc::invalid:
      return "the status of the tealet does not allow this";
    case Errc::foreign:
      return "the tealet belongs to another domain";
    case Errc::outside:
      return "the domain was opened inside a tealet that does not run now";
    case Errc::thread:
      return "the domain belongs to another thread";
    case Errc::stack_exhausted:
      return "the C stack has too little space left to begin another tealet";
    case Errc::refused:
      return "the tealet switched away instead of ending";
    case Errc::moved:
      return "another library has moved the C stack while a tealet of this domain was running";
  }
  return "unknown error";
}

void throw_error(Errc code, const std::string& context) {
  if (code == Errc::memory) throw MemoryError();
  const std::string what = context + ": " + describe(code);
  switch (code) {
    case Errc::defunct:
      throw DefunctError(code, what);
    case Errc::thread:
      throw ThreadError(code, what);
    case Errc::invalid:
    case Errc::foreign:
    case Errc::outside:
    case Errc::moved:
      throw InvalidError(code, what);
    default:
      throw Error(code, what);
  }
}

}  // namespace tealet
