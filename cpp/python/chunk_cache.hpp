// A chunk of data stack is kept for the next one who needs it.
#pragma once

namespace tealetpp {

// CPython takes a further chunk of 16 KiB when a call crosses the end of a data stack, and gives it
// back when that call returns: each time it is mapped, touched and unmapped. With a small first
// chunk a loop of calls may do that again and again. From now on each thread keeps one that was
// given back, until it is taken again.
void install_chunk_cache() noexcept;

}  // namespace tealetpp
