// The hooks of a domain that runs Python.
#pragma once

#include "core/domain.hpp"

namespace tealetpp {

extern const tealet::core::Hooks engine_hooks;

}  // namespace tealetpp
