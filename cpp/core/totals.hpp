// The sums over all saved stacks of a domain, kept up to date so that nobody has to walk them.
#pragma once

#include <tealet/config.hpp>

#include <cstddef>

namespace tealet::core {

// Every function is told of one change to one stack. With statistics compiled out this class is
// empty and its functions do nothing.
class Totals {
 public:
#if TEALET_WITH_STATS
  std::size_t tealets = 0;
  std::size_t tealets_ever = 0;
  std::size_t stacks = 0;
  std::size_t chunks = 0;
  std::size_t bytes = 0;
  std::size_t bytes_expanded = 0;
  std::size_t bytes_naive = 0;

  void tealet_created() noexcept { tealets += 1, tealets_ever += 1; }
  void tealet_freed() noexcept { tealets -= 1; }
  // The tealet freed last shall never have been.
  void creation_undone() noexcept { tealets_ever -= 1; }

  // `owners` tealets paused with a stack of `extent` bytes, or are paused no more.
  void paused(std::size_t owners, std::size_t extent) noexcept { bytes_naive += owners * extent; }
  void unpaused(std::size_t owners, std::size_t extent) noexcept { bytes_naive -= owners * extent; }

  // A chunk of `size` bytes was added to a stack of `owners` tealets that held `saved` bytes.
  void chunk_added(std::size_t owners, std::size_t saved, std::size_t size) noexcept {
    stacks += saved == 0;
    chunks += 1;
    bytes += size;
    bytes_expanded += owners * size;
  }
  // That chunk was freed again: `saved` bytes are left.
  void chunk_removed(std::size_t owners, std::size_t saved, std::size_t size) noexcept {
    stacks -= saved == 0;
    chunks -= 1;
    bytes -= size;
    bytes_expanded -= owners * size;
  }
  // All `count` chunks of a stack with one owner were freed: `saved` bytes.
  void chunks_freed(std::size_t count, std::size_t saved) noexcept {
    stacks -= 1;
    chunks -= count;
    bytes -= saved;
    bytes_expanded -= saved;
  }
  // One more tealet, or one fewer, shares `saved` bytes.
  void owner_added(std::size_t saved) noexcept { bytes_expanded += saved; }
  void owner_removed(std::size_t saved) noexcept { bytes_expanded -= saved; }
#else
  void tealet_created() noexcept {}
  void tealet_freed() noexcept {}
  void creation_undone() noexcept {}
  void paused(std::size_t, std::size_t) noexcept {}
  void unpaused(std::size_t, std::size_t) noexcept {}
  void chunk_added(std::size_t, std::size_t, std::size_t) noexcept {}
  void chunk_removed(std::size_t, std::size_t, std::size_t) noexcept {}
  void chunks_freed(std::size_t, std::size_t) noexcept {}
  void owner_added(std::size_t) noexcept {}
  void owner_removed(std::size_t) noexcept {}
#endif
};

}  // namespace tealet::core
