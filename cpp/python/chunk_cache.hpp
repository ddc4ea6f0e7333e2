// A cache of one data-stack chunk for each thread.
#pragma once

namespace tealetpp {

// Makes each thread cache one freed chunk, from now on.
//
// CPython allocates a chunk when a call crosses the end of a data stack, and frees it when that
// call returns. Each time the system maps and unmaps the pages. Tealets have small first chunks, so
// a loop of calls may do that at each iteration.
void install_chunk_cache() noexcept;

}  // namespace tealetpp
