// What a tealet of Python takes beside its C stack: its saved frames, how many they are, its
// object.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstddef>

#include "core/node.hpp"

namespace tealetpp {

// Bytes of the block for the Python frames of `node`. 0 if it is main or has never paused.
std::size_t data_stack_bytes_of(tealet::core::Node& node);
// How many Python frames it has. 0 if it is main, or if that is unknown: it runs, and its domain
// cannot be used here.
std::size_t python_depth_of(tealet::core::Node& node);

// Bytes of a Python object as sys.getsizeof() counts them: without what it refers to.
std::size_t object_bytes_of(const PyObject* object) noexcept;

}  // namespace tealetpp
