// A list of tealets, each of which knows its place in it. Adding and removing take constant time.
#pragma once

#include <vector>

namespace tealetpp {

struct Tealet;

class TealetList {
 public:
  // A tealet is in one list at most. If there is no memory, it is in none.
  void add(Tealet* tealet) noexcept;
  // Does nothing if `tealet` is not in this list. The last one moves to its place.
  void remove(Tealet* tealet) noexcept;
  bool is_empty() const noexcept { return tealets_.empty(); }
  auto newest_first() const noexcept { return Backwards{tealets_}; }

 private:
  struct Backwards {
    const std::vector<Tealet*>& tealets;
    auto begin() const noexcept { return tealets.rbegin(); }
    auto end() const noexcept { return tealets.rend(); }
  };

  std::vector<Tealet*> tealets_;
};

}  // namespace tealetpp
