#include "python/tealet_list.hpp"

#include <new>

#include "core/check.hpp"
#include "python/python_tealet.hpp"

namespace tealetpp {

namespace {

constexpr std::uint32_t no_place = (1U << Tealet::place_bits) - 1;

void set_place(Tealet* tealet, std::size_t place) {
  tealet->place = static_cast<std::uint32_t>(place) & no_place;
}

}  // namespace

void TealetList::add(Tealet* tealet) noexcept {
  TEALETPP_CHECK(!contains(tealet));
  try {
    tealets_.push_back(tealet);
    set_place(tealet, tealets_.size() - 1);
  } catch (const std::bad_alloc&) {
    set_place(tealet, no_place);
  }
}

bool TealetList::contains(const Tealet* tealet) const noexcept {
  return tealet->place < tealets_.size() && tealets_[tealet->place] == tealet;
}

bool TealetList::has_right_places() const noexcept {
  for (std::size_t place = 0; place < tealets_.size() && place < no_place; ++place) {
    if (tealets_[place]->place != place) return false;
  }
  return true;
}

void TealetList::remove(Tealet* tealet) noexcept {
  if (!contains(tealet)) return;
  const std::size_t place = tealet->place;
  tealets_[place] = tealets_.back();
  set_place(tealets_[place], place);
  tealets_.pop_back();
}

}  // namespace tealetpp
