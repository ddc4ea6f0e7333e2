// Disables the garbage collector in a scope: a collection may run any code.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace tealetpp {

class WithoutCollections {
 public:
  WithoutCollections() noexcept : was_enabled_(PyGC_Disable() != 0) {}
  ~WithoutCollections() {
    if (was_enabled_) PyGC_Enable();
  }
  WithoutCollections(const WithoutCollections&) = delete;
  WithoutCollections& operator=(const WithoutCollections&) = delete;

 private:
  bool was_enabled_;
};

}  // namespace tealetpp
