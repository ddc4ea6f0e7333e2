// The exceptions of the package.
#pragma once

#include "python/python_hooks.hpp"

namespace tealetpp {

// Of Tealet and Main. The classes are there once register_errors() has made them.
extern PythonHooks tealet_hooks;

}  // namespace tealetpp
