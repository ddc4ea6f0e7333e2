// The fork: makes a tealet a copy of the running one. Both continue from the same place.
#include "core/check.hpp"
#include "core/domain.hpp"

namespace tealet::core {

Errc Domain::fork(Node& copy, bool leave) noexcept {
  TEALETPP_CHECK(copy.domain() == this && copy.status == Status::New && copy.far == nullptr);
  TEALETPP_CHECK(current_->far != unbounded);
  jump_.target = &copy;
  jump_.mode = {Leaving::pause, false, leave, false};
  jump_.message = {};
  return code_of(jump_saving_thread_state(&on_fork, &on_forked));
}

// Two tealets have the same bytes from here to the same far end. One of them continues with the
// bytes in place; for the other one all of them are saved.
void* Domain::on_fork(void* domain, void* near) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  Node& original = *self.current_;
  Node& copy = *self.jump_.target;
  auto* const low = static_cast<char*>(near);
  Stack* saved =
      Stack::save(self.memory_, low, original.far, static_cast<std::size_t>(original.far - low));
  if (saved == nullptr) {
    self.jump_.mode.failed = true;
    return near;
  }
  copy.area = original.area;
  copy.far = original.far;
  copy.marked = original.marked;
  copy.area->note_far(copy.far);
  Node& paused = self.jump_.mode.fork_leaves ? original : copy;
  paused.stack = saved;
  paused.status = Status::Suspended;
  if (self.jump_.mode.fork_leaves) {
    copy.status = Status::Running;
    self.previous_ = &original;
    self.current_ = &copy;
    self.nesting_.entered(copy);
  }
  return near;
}

SwitchResult Domain::on_forked(void* domain) noexcept {
  auto& self = *static_cast<Domain*>(domain);
  return self.jump_.mode.failed ? self.not_switched(Errc::memory) : self.switch_result();
}

}  // namespace tealet::core
