// The binaries that a process consists of: the program and its shared objects.
#pragma once

#include <dlfcn.h>

namespace tealet::port {

// Whether two functions are part of the same binary. False if the loader does not know one of them.
inline bool are_of_one_binary(const void* function, const void* other) noexcept {
  Dl_info one{};
  Dl_info two{};
  return dladdr(function, &one) != 0 && dladdr(other, &two) != 0 && one.dli_fbase == two.dli_fbase;
}

}  // namespace tealet::port
