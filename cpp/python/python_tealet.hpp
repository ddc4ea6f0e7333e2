// What the engine part keeps for one Python object that is a tealet.
#pragma once

#include <cstdint>

#include "core/domain.hpp"
#include "python/execution.hpp"

namespace tealetpp {

using tealet::Errc;
using tealet::Stats;
using tealet::Status;
using tealet::core::code_of;
using tealet::core::Message;
using tealet::core::Node;
using tealet::core::Signal;

class PythonDomain;

// A Python object embeds it, as those of Tealet and Main do, or points to it. The binding part
// finds it from the object. The engine part finds the object through the member `object`: the
// distance between the two differs by type. There may be a million of these, so there is no pointer
// to the main tealet: the domain has one.
//
// All zero until bind() or open_domain(), except `object`, which the binding part sets.
struct Tealet {
  static constexpr int place_bits = 27;

  PyObject* object;       // borrowed: the object that it is for
  Node* node;             // nullptr once it has ended
  PythonDomain* domain;   // nullptr if it was never initialised; until then no other member counts
  Tealet* parent;         // its object is strong while the node exists; nullptr for main
  std::uint32_t exiting;  // number of the last exit raised in it; 0 if none is in flight
  std::uint32_t missed_exit : 1;  // its last exit came where nothing can be raised
  // For a tealet that its domain holds: see PythonDomain::hold().
  std::uint32_t place : place_bits;  // in its TealetList
  std::uint32_t held : 1;            // the domain owns a reference
  std::uint32_t pending : 1;         // to be ended at the next safe point
  std::uint32_t must_end : 1;        // it is ended then even if the program refers to it
  std::uint32_t ending : 1;          // end_own_pending() is ending it

  // Every other tealet of the domain owns a reference to the main tealet's object, so the domain,
  // which is freed with that object, outlives them.
  inline bool is_main() const noexcept;
};
static_assert(sizeof(Tealet) == 4 * sizeof(void*) + 2 * sizeof(std::uint32_t));

inline Tealet* tealet_of(const Node& node) noexcept { return static_cast<Tealet*>(node.binding); }
// Whether a node and its tealet refer to each other, as from bind() or open_domain() on.
inline bool is_bound(const Node& node) noexcept {
  return node.binding != nullptr && tealet_of(node)->node == &node;
}

// Whether `node` has an object to refer to. A stub has none between its capture and bind(). One
// whose deallocation is delayed has no references any more, though its tealet may still exist.
inline bool has_object(const Node& node) noexcept {
  return is_bound(node) && Py_REFCNT(tealet_of(node)->object) > 0;
}
inline Execution& execution_of(Node& node) noexcept {
  return *static_cast<Execution*>(node.extra());
}

// The outermost entry of the chain of handled exceptions while `running` runs: a tealet, or
// ThreadContext::ambient.
inline const _PyErr_StackItem* handled_by(const PyThreadState* thread, Node& running) noexcept {
  return running.domain() != nullptr ? &execution_of(running).handled : &thread->exc_state;
}

}  // namespace tealetpp
