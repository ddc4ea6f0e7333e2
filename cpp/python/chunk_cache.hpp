// A cache of one data-stack chunk for each thread.
#pragma once

namespace tealetpp {

// CPython allocates a further chunk when a call crosses the end of a data stack, and frees it when
// that call returns: each time it is mapped, touched and unmapped. With a small first chunk a loop
// of calls may do that again and again. From now on each thread caches one freed chunk.
void install_chunk_cache() noexcept;

}  // namespace tealetpp
