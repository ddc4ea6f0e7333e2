// A list of tealets. Each tealet knows its place in it, so adding and removing take constant time.
#pragma once

#include <vector>

namespace tealetpp {

struct Tealet;

class TealetList {
 public:
  // `tealet` must not be in a list. If there is no memory, it is in none afterwards.
  void add(Tealet* tealet) noexcept;
  // Does nothing if `tealet` is not in this list. The last tealet takes its place.
  void remove(Tealet* tealet) noexcept;
  bool is_empty() const noexcept { return tealets_.empty(); }
  // An invariant: for PythonDomain::verify().
  bool has_right_places() const noexcept;
  auto newest_first() const noexcept { return Backwards{tealets_}; }

 private:
  bool contains(const Tealet* tealet) const noexcept;

  struct Backwards {
    const std::vector<Tealet*>& tealets;
    auto begin() const noexcept { return tealets.rbegin(); }
    auto end() const noexcept { return tealets.rend(); }
  };

  std::vector<Tealet*> tealets_;
};

}  // namespace tealetpp
