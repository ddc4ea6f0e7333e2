// The sums over all tealets and saved stacks of a domain, updated at each change, so that
// statistics need no walk.
#pragma once

#include <tealet/cxx/config.hpp>

#include <cstddef>

namespace tealet::core {

#if TEALET_WITH_STATS

// Each function records one change of one stack. A switch saves one stack and frees another, and
// each of these changes two sums. Sharing, further chunks and defunct stacks have sums of their
// own, which stay zero without them.
class Totals {
 public:
  std::size_t tealets = 0;
  std::size_t tealets_ever = 0;
  std::size_t stacks = 0;          // with at least one saved byte
  std::size_t further_chunks = 0;  // of each stack, all but the first chunk that has bytes
  std::size_t bytes = 0;           // each chunk once
  std::size_t bytes_shared = 0;    // `bytes` plus this: each chunk once for each owner
  std::size_t bytes_defunct = 0;   // of defunct stacks, not saved; once for each owner
  std::size_t chunk_headers = 0;   // blocks of further chunks
  // Blocks of stacks minus `stacks`: the blocks of stacks without saved bytes, less the stacks that
  // have saved bytes and no block, which are main's.
  std::size_t blocks_beyond_stacks = 0;
  std::size_t node_bytes = 0;        // of blocks with a node
  std::size_t data_stack_bytes = 0;  // of blocks that an API keeps data stacks in
  // These never fall.
  std::size_t switches = 0;
  std::size_t bytes_saved = 0;
  std::size_t bytes_restored = 0;
  std::size_t stack_grows = 0;
  std::size_t data_stack_grows = 0;

  void tealet_created() noexcept { tealets += 1, tealets_ever += 1; }
  void tealet_freed() noexcept { tealets -= 1; }
  // Rolls back tealet_created().
  void creation_undone() noexcept { tealets_ever -= 1; }

  void node_made(std::size_t size) noexcept { node_bytes += size; }
  void node_freed(std::size_t size) noexcept { node_bytes -= size; }

  void switched() noexcept { switches += 1; }
  // `size` bytes of a stack were copied back to their place.
  void restored(std::size_t size) noexcept { bytes_restored += size; }

  // A stack with one owner was made, with `saved` > 0 bytes in its first chunk.
  void stack_saved(std::size_t saved) noexcept {
    stacks += 1, bytes += saved;
    bytes_saved += saved;
  }
  // The block of a stack without saved bytes was made or freed.
  void empty_stack_made() noexcept { blocks_beyond_stacks += 1; }
  void empty_stack_freed() noexcept { blocks_beyond_stacks -= 1; }
  // A stack with one owner and no further chunk is freed.
  void stack_freed(std::size_t saved) noexcept { stacks -= 1, bytes -= saved; }

  // A chunk of `size` bytes was added to a stack with `owners` owners and `saved` bytes.
  void chunk_added(std::size_t owners, std::size_t saved, std::size_t size) noexcept {
    stacks += saved == 0;
    blocks_beyond_stacks -= saved == 0;
    further_chunks += saved != 0;
    chunk_headers += 1;
    stack_grows += 1;
    bytes_saved += size;
    bytes += size;
    bytes_shared += (owners - 1) * size;
  }
  // Such a chunk was freed: `saved` bytes are left.
  void chunk_removed(std::size_t owners, std::size_t saved, std::size_t size) noexcept {
    stacks -= saved == 0;
    blocks_beyond_stacks += saved == 0;
    further_chunks -= saved != 0;
    chunk_headers -= 1;
    bytes -= size;
    bytes_shared -= (owners - 1) * size;
  }

  // A stack of `saved` bytes got or lost an owner.
  void owner_added(std::size_t saved) noexcept { bytes_shared += saved; }
  void owner_removed(std::size_t saved) noexcept { bytes_shared -= saved; }

  // A block of a data stack was allocated or freed.
  void data_stack_made(std::size_t size) noexcept { data_stack_bytes += size; }
  // A paused tealet takes more for its data stack than at its last pause.
  void data_stack_grown() noexcept { data_stack_grows += 1; }
  void data_stack_freed(std::size_t size) noexcept { data_stack_bytes -= size; }

  // `owners` tealets got or lost a defunct stack of which `in_place` bytes were not saved.
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
  void node_made(std::size_t) noexcept {}
  void node_freed(std::size_t) noexcept {}
  void switched() noexcept {}
  void restored(std::size_t) noexcept {}
  void stack_saved(std::size_t) noexcept {}
  void empty_stack_made() noexcept {}
  void empty_stack_freed() noexcept {}
  void stack_freed(std::size_t) noexcept {}
  void chunk_added(std::size_t, std::size_t, std::size_t) noexcept {}
  void chunk_removed(std::size_t, std::size_t, std::size_t) noexcept {}
  void owner_added(std::size_t) noexcept {}
  void owner_removed(std::size_t) noexcept {}
  void data_stack_made(std::size_t) noexcept {}
  void data_stack_grown() noexcept {}
  void data_stack_freed(std::size_t) noexcept {}
  void defunct_added(std::size_t, std::size_t) noexcept {}
  void defunct_removed(std::size_t, std::size_t) noexcept {}
};

#endif

}  // namespace tealet::core
