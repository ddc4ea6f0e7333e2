#include "python/python_costs.hpp"

#include "python/execution_place.hpp"
#include "python/python_domain.hpp"

namespace tealetpp {

std::size_t data_stack_bytes_of(Node& node) {
  if (node.is_main()) return 0;
  const SavedFrames* const saved = execution_of(node).saved_frames;
  return saved != nullptr ? saved->block_size() : 0;
}

std::size_t python_depth_of(Node& node) {
  if (node.is_main()) return 0;
  const Place place = place_of(node);
  const _PyInterpreterFrame* frame = nullptr;
  if (place.put_away != nullptr) frame = place.put_away->paused_frame;
  if (place.thread != nullptr) frame = running_frame(place.thread);
  std::size_t depth = 0;
  for (; frame != nullptr; frame = frame->previous) {
    depth += is_python(frame) ? 1 : 0;
  }
  return depth;
}

std::size_t object_bytes_of(const PyObject* object) noexcept {
  return static_cast<std::size_t>(Py_TYPE(object)->tp_basicsize) + collector_head_size;
}

}  // namespace tealetpp
