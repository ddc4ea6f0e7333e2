// The sums over all saved stacks of a domain, kept up to date so that nobody has to walk them.
#pragma once

#include <tealet/cxx/config.hpp>

#include <cstddef>

namespace tealet::core {

#if TEALET_WITH_STATS

// Every function is told of one change to one stack. A switch saves one stack and frees another:
// what is kept is chosen so that this changes two sums. Whatever only sharing, further chunks or
// lost stacks bring about has a sum of its own, which is zero and stays so where there is none.
class Totals {
 public:
  std::size_t tealets = 0;
  std::size_t tealets_ever = 0;
  std::size_t stacks = 0;          // with at least one saved byte
  std::size_t further_chunks = 0;  // of a stack, without the first that holds a byte
  std::size_t bytes = 0;
  std::size_t bytes_shared = 0;   // by how much those of each tealet add up to more than `bytes`
  std::size_t bytes_defunct = 0;  // that lost stacks were not saved of, tealet by tealet

  void tealet_created() noexcept { tealets += 1, tealets_ever += 1; }
  void tealet_freed() noexcept { tealets -= 1; }
  // Rolls back tealet_created().
  void creation_undone() noexcept { tealets_ever -= 1; }

  // A stack with one owner came to be, with `saved` bytes (not none) in its first chunk.
  void stack_saved(std::size_t saved) noexcept { stacks += 1, bytes += saved; }
  // One with one owner and no further chunk is freed.
  void stack_freed(std::size_t saved) noexcept { stacks -= 1, bytes -= saved; }

  // A chunk of `size` bytes was added to a stack of `owners` tealets that held `saved` bytes.
  void chunk_added(std::size_t owners, std::size_t saved, std::size_t size) noexcept {
    stacks += saved == 0;
    further_chunks += saved != 0;
    bytes += size;
    bytes_shared += (owners - 1) * size;
  }
  // That chunk was freed again: `saved` bytes are left.
  void chunk_removed(std::size_t owners, std::size_t saved, std::size_t size) noexcept {
    stacks -= saved == 0;
    further_chunks -= saved != 0;
    bytes -= size;
    bytes_shared -= (owners - 1) * size;
  }

  // One more tealet, or one fewer, shares `saved` bytes.
  void owner_added(std::size_t saved) noexcept { bytes_shared += saved; }
  void owner_removed(std::size_t saved) noexcept { bytes_shared -= saved; }

  // `owners` tealets have lost `in_place` bytes each, or that counts no more.
  void defunct_added(std::size_t owners, std::size_t in_place) noexcept {
    bytes_defunct += owners * in_place;
  }
  void defunct_removed(std::size_t owners, std::size_t in_place) noexcept {
    bytes_defunct -= owners * in_place;
  }
};

#else

class Totals {
 public:
  void tealet_created() noexcept {}
  void tealet_freed() noexcept {}
  void creation_undone() noexcept {}
  void stack_saved(std::size_t) noexcept {}
  void stack_freed(std::size_t) noexcept {}
  void chunk_added(std::size_t, std::size_t, std::size_t) noexcept {}
  void chunk_removed(std::size_t, std::size_t, std::size_t) noexcept {}
  void owner_added(std::size_t) noexcept {}
  void owner_removed(std::size_t) noexcept {}
  void defunct_added(std::size_t, std::size_t) noexcept {}
  void defunct_removed(std::size_t, std::size_t) noexcept {}
};

#endif

}  // namespace tealet::core
