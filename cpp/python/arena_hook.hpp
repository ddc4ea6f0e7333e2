// CPython takes the chunks of data stacks, like pymalloc's arenas, from an allocator that can be
// replaced. Ours gives a tealet's data stack memory of its domain.
#pragma once

namespace tealetpp {

// From now on. Does nothing if it is done.
void install_arena_hook() noexcept;

}  // namespace tealetpp
