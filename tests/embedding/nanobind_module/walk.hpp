// A walk over a tree by recursion, which knows nothing of tealets.
#pragma once

// The number of walks that have begun and not ended.
inline int open_walks = 0;

struct OpenWalk {
  OpenWalk() { open_walks += 1; }
  ~OpenWalk() { open_walks -= 1; }
  OpenWalk(const OpenWalk&) = delete;
  OpenWalk& operator=(const OpenWalk&) = delete;
};

template <class Visit>
void walk_below(int depth, const Visit& visit) {
  if (depth == 0) {
    visit();
    return;
  }
  walk_below(depth - 1, visit);
  walk_below(depth - 1, visit);
}

// Calls `visit` for each of the 2 ** depth leaves, deep in a recursion.
template <class Visit>
void walk(int depth, const Visit& visit) {
  const OpenWalk open;
  walk_below(depth, visit);
}
