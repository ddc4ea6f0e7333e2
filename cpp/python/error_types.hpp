// The exception classes of the package.
#pragma once

#include "python/python_hooks.hpp"

namespace tealetpp {

// The hooks of Tealet and Main. register_errors() sets the classes.
extern PythonHooks tealet_hooks;

}  // namespace tealetpp
