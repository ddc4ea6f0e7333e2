#include "python/tealet_list.hpp"

#include <new>

#include "python/python_tealet.hpp"

namespace tealetpp {

namespace {

constexpr std::uint32_t no_place = (1U << Tealet::place_bits) - 1;

void set_place(Tealet* tealet, std::size_t place) {
  tealet->place = static_cast<std::uint32_t>(place) & no_place;
}

}  // namespace

void TealetList::add(Tealet* tealet) noexcept {
  try {
    tealets_.push_back(tealet);
    set_place(tealet, tealets_.size() - 1);
  } catch (const std::bad_alloc&) {
    set_place(tealet, no_place);
  }
}

void TealetList::remove(Tealet* tealet) noexcept {
  const std::size_t place = tealet->place;
  if (place >= tealets_.size() || tealets_[place] != tealet) return;
  tealets_[place] = tealets_.back();
  set_place(tealets_[place], place);
  tealets_.pop_back();
}

}  // namespace tealetpp
