// What the C face keeps: a domain for every main tealet, and behind every node what a program sees.
//
// A function of the API that asks where its frame lies is TEALETPP_NOINLINE: link-time optimization
// would otherwise put it into the program's function, whose frame begins farther than that
// function's own variables.
#pragma once

#include <tealet/tealet.h>

#include <cstddef>
#include <cstdint>
#include <memory_resource>

#include "capi/stack_integrity.hpp"
#include "core/domain.hpp"
#include "port/compiler.hpp"

namespace tealet::capi {

// The program's allocator, as the engine wants it.
class AllocatorResource : public std::pmr::memory_resource {
 public:
  explicit AllocatorResource(const tealet_alloc_t& functions) noexcept : functions_(functions) {}
  const tealet_alloc_t& functions() const noexcept { return functions_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override;

  tealet_alloc_t functions_;
};

// Lies in a block of the program's allocator, which the statistics count like any other.
struct CDomain final : private AllocatorResource, core::Domain {
  CDomain(const tealet_alloc_t& functions, std::size_t extra, char* begun_at) noexcept;

  static CDomain& of(const core::Node& node) noexcept {
    return static_cast<CDomain&>(*node.domain());
  }
  const tealet_alloc_t& allocator() const noexcept { return functions(); }

  // A new tealet, child of main: the C face makes no use of the tree.
  core::Node* make() noexcept { return create(extra_bytes, main()); }
  // Whether its tealets can never run again, since a tealet that it lies in is gone.
  bool is_gone() const noexcept;
  // Precondition: is_gone(). Strands every domain that was begun in the tealets that this one lies
  // in, so that none climbs through this one once it is freed.
  void orphan_neighbours() noexcept;
  // Whether the caller, which has its frame at `here`, may transfer.
  Errc check_caller(const char* here) const noexcept;

  // Before and after every transfer, on the stacks of those who run then. depart() fails if the
  // running tealet has broken stack integrity; nothing has changed then.
  bool before_transfer() noexcept {
    if (fast_transfers) return true;
    return depart_slow();
  }
  void after_transfer() noexcept {
    if (!fast_transfers) arrive_slow();
  }
  void watch_current() noexcept;
  void lock() noexcept;
  void unlock() noexcept;
  bool locks_by_itself() const noexcept { return locking.mode == TEALET_LOCK_AUTO; }

  std::size_t extra_bytes;  // behind every node
  void* user_pointer = nullptr;
  char* began_at;
  tealet_lock_t locking{};
  StackIntegrity integrity;
  bool fast_transfers = true;  // there is neither lock nor integrity to see to

 private:
  bool depart_slow() noexcept;
  void arrive_slow() noexcept;
};

// Holds the lock of a domain, if that is to be done by itself, in what does not transfer.
class Lock {
 public:
  explicit Lock(CDomain& domain) noexcept : domain_(domain) {
    if (domain_.locks_by_itself()) domain_.lock();
  }
  ~Lock() {
    if (domain_.locks_by_itself()) domain_.unlock();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  CDomain& domain_;
};

// The program's view lies behind the node, and its extra bytes behind that.
inline tealet_t* handle_of(core::Node& node) noexcept {
  return static_cast<tealet_t*>(node.extra());
}
inline core::Node& node_of(const tealet_t* tealet) noexcept {
  return *(reinterpret_cast<core::Node*>(const_cast<tealet_t*>(tealet)) - 1);
}
inline CDomain& domain_of(const tealet_t* tealet) noexcept { return CDomain::of(node_of(tealet)); }

// Node::binding is the function of a tealet that has not begun, and then its OwnEnd.
inline tealet_run_t function_of(const core::Node& node) noexcept {
  return reinterpret_cast<tealet_run_t>(node.binding);
}
inline void set_function(core::Node& node, tealet_run_t run) noexcept {
  node.binding = reinterpret_cast<void*>(run);
}

// The TEALET_ERR_* for what the engine says.
int error_of(Errc code) noexcept;

}  // namespace tealet::capi
