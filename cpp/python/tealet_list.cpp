#include "python/tealet_list.hpp"

#include <new>

#include "python/objects.hpp"

namespace tealetpp {

namespace {

constexpr std::uint32_t no_place = (1U << Tealet::place_bits) - 1;

void set_place(TealetObject* tealet, std::size_t place) {
  tealet->value.place = static_cast<std::uint32_t>(place) & no_place;
}

}  // namespace

void TealetList::add(TealetObject* tealet) noexcept {
  try {
    tealets_.push_back(tealet);
    set_place(tealet, tealets_.size() - 1);
  } catch (const std::bad_alloc&) {
    set_place(tealet, no_place);
  }
}

void TealetList::remove(TealetObject* tealet) noexcept {
  const std::size_t place = tealet->value.place;
  if (place >= tealets_.size() || tealets_[place] != tealet) return;
  tealets_[place] = tealets_.back();
  set_place(tealets_[place], place);
  tealets_.pop_back();
}

}  // namespace tealetpp
