// What the engine must know about the thread that it runs on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace tealet::core {

// A number that no other thread of this process ever has, not even after this one's end; 0 until
// current_thread() was called on this thread. In the static part of thread-local memory, where it
// is read without a call, whatever library this is part of.
extern __thread std::uint64_t this_thread __attribute__((tls_model("initial-exec")));

std::uint64_t current_thread() noexcept;

// True until this thread ends. May throw std::bad_alloc.
std::shared_ptr<const std::atomic<bool>> life_of_this_thread();

// The lowest address of this thread's C stack on which a new tealet may begin, with enough below it
// to run ordinary code; nullptr if this thread runs on a stack of unknown bounds.
const char* lowest_start_on_this_stack() noexcept;

// The end of this thread's C stack, above everything on it and below the thread's own memory, which
// may lie in the same block; nullptr if its bounds are unknown.
const char* top_of_this_stack() noexcept;

}  // namespace tealet::core
