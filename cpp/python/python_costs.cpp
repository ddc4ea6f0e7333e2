#include "python/python_costs.hpp"

#include "python/census.hpp"
#include "python/data_chunks.hpp"
#include "python/python_domain.hpp"

namespace tealetpp {

namespace {

// Where the frames and the data stack of an execution are.
struct Place {
  const Execution* put_away = nullptr;    // here
  const PyThreadState* thread = nullptr;  // or here; both are nullptr if that is unknown
};

// Where the switches of the domain of `node` have left what is its execution: with that of a nested
// domain in it, if one of its tealets was running.
Place outermost_place_of(Node& node) {
  Node* inner = &node;
  while (inner->domain() != nullptr && &inner->domain()->current() == inner) {
    inner = tealet::core::Nesting::entered_from(*inner);
  }
  if (inner->domain() != nullptr) return {&execution_of(*inner), nullptr};
  // No domain has put it away. Another library may have.
  auto& domain = static_cast<PythonDomain&>(*node.domain());
  return domain.usable() == Errc::ok ? Place{nullptr, PyThreadState_Get()} : Place{};
}

// The place of `node`, a tealet but not main. A tealet of another domain may run inside it. Then
// the switch to that one has put the state of `node` away as that of the other domain's main.
Place place_of(Node& node) {
  PythonDomain* const entered = domain_entered_from(node);
  if (entered != nullptr) return {&execution_of(entered->main()), nullptr};
  return outermost_place_of(node);
}

}  // namespace

std::size_t data_stack_bytes_of(Node& node) {
  if (node.is_main()) return 0;
  const auto& domain = static_cast<const PythonDomain&>(*node.domain());
  const Place place = place_of(node);
  if (place.put_away != nullptr) return data_stack_bytes(place.put_away->data_stack, domain);
  return place.thread != nullptr ? data_stack_bytes(place.thread->datastack_chunk, domain) : 0;
}

std::size_t python_depth_of(Node& node) {
  if (node.is_main()) return 0;
  const Place place = place_of(node);
  const _PyInterpreterFrame* frame = nullptr;
  if (place.put_away != nullptr) frame = place.put_away->paused_frame;
  if (place.thread != nullptr) frame = running_frame(place.thread);
  std::size_t depth = 0;
  for (; frame != nullptr; frame = frame->previous) {
    // Others are entries to the interpreter from C.
    const bool is_python =
        frame->owner == FRAME_OWNED_BY_THREAD || frame->owner == FRAME_OWNED_BY_GENERATOR;
    depth += is_python ? 1 : 0;
  }
  return depth;
}

std::size_t object_bytes_of(const PyObject* object) noexcept {
  return static_cast<std::size_t>(Py_TYPE(object)->tp_basicsize) + collector_head_size;
}

}  // namespace tealetpp
