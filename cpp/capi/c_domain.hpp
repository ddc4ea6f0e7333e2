// What the C API keeps: a domain per main tealet, and behind each node the handle, the tealet_t
// that a program sees.
//
// An API function that uses its frame's address is TEALETPP_NOINLINE. Link-time optimization could
// inline it into the program's function. Then the address would be that of the program's frame,
// which lies farther than the variables in it.
#pragma once

#include <tealet/tealet.h>

#include <cstddef>
#include <memory_resource>

#include "capi/misuse.hpp"
#include "capi/stack_integrity.hpp"
#include "core/check.hpp"
#include "core/domain.hpp"
#include "port/compiler.hpp"

namespace tealet::capi {

// The program's allocator as a memory resource.
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

// Lives in a block of the program's allocator, which the statistics count like any other.
struct CDomain final : AllocatorResource, core::Domain {
  // Every node gets `extra` bytes. `frame` is the frame address of tealet_initialize().
  CDomain(const tealet_alloc_t& functions, std::size_t extra, char* frame) noexcept;

  static CDomain& of(const core::Node& node) noexcept {
    return static_cast<CDomain&>(*node.domain());
  }
  const tealet_alloc_t& allocator() const noexcept { return functions(); }

  // A new tealet, child of main: the C API does not use the tree.
  core::Node* make() noexcept { return create(extra_bytes, main()); }
  // Whether none of its tealets can run again: an enclosing tealet has ended, was deleted or is
  // defunct.
  bool can_never_run() const noexcept;
  // Orphans every domain that was opened in the enclosing tealets, so that no check climbs through
  // this domain once it is freed. Precondition: can_never_run().
  void orphan_neighbours() noexcept;
  // Whether the caller, whose frame is at `here`, may transfer.
  Errc check_caller(const char* here) const noexcept;
  // In builds with checks, aborts if the running tealet is in a callback of the domain. To record
  // that would slow down every transfer.
  void forbid_in_callback() const noexcept { Callback::forbid(*this); }

  // Around every transfer: the first is called on the stack that is left, the second on the one
  // that is entered. before_transfer() returns false, and has changed nothing, if the running
  // tealet has broken stack integrity.
  bool before_transfer() noexcept {
    forbid_in_callback();
    if (fast_transfers) return true;
    return before_transfer_slow();
  }
  void after_transfer() noexcept {
    if (!fast_transfers) after_transfer_slow();
  }
  void watch_current() noexcept;
  // Calls the program's function, if there is one.
  void lock() noexcept;
  void unlock() noexcept;
  bool locks_automatically() const noexcept { return locking.mode == TEALET_LOCK_AUTO; }

  std::size_t extra_bytes;  // behind every node, the handle included
  void* user_pointer = nullptr;
  char* opened_at;
  tealet_lock_t locking{};
  StackIntegrity integrity;
  bool fast_transfers = true;  // a transfer has neither to lock nor to check stack integrity

 private:
  bool before_transfer_slow() noexcept;
  void after_transfer_slow() noexcept;
  void call(void (*function)(void* arg), const char* name) const noexcept;
};

// Holds the lock of a domain that locks automatically, for functions that do not transfer.
class Lock {
 public:
  explicit Lock(CDomain& domain) noexcept : domain_(domain) {
    Callback::forbid(domain_);
    domain_.lock();
  }
  ~Lock() { domain_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  CDomain& domain_;
};

// Calls `function(domain, tealet)`, with the lock held if the domain locks automatically.
using LockedFunction = tealet_t*(CDomain& domain, tealet_t* tealet) noexcept;
template <LockedFunction* function>
TEALETPP_NOINLINE tealet_t* with_lock_slow(CDomain& domain, tealet_t* tealet) noexcept {
  const Lock lock(domain);
  return function(domain, tealet);
}
template <LockedFunction* function>
inline tealet_t* with_lock(CDomain& domain, tealet_t* tealet) noexcept {
  domain.forbid_in_callback();
  // A call: inlined, the slow path would cost the fast one registers.
  if (TEALET_UNLIKELY(domain.locks_automatically()))
    return with_lock_slow<function>(domain, tealet);
  return function(domain, tealet);
}

// Memory layout of a block: node, handle, the program's extra bytes.
inline tealet_t* handle_of(core::Node& node) noexcept {
  return static_cast<tealet_t*>(node.extra());
}
inline core::Node& node_of(const tealet_t* tealet) noexcept {
  auto& node = *(reinterpret_cast<core::Node*>(const_cast<tealet_t*>(tealet)) - 1);
  TEALETPP_CHECK(tealet->main == handle_of(node.domain()->main()));
  return node;
}
inline CDomain& domain_of(const tealet_t* tealet) noexcept { return CDomain::of(node_of(tealet)); }

// Node::binding is the function of a tealet that has not begun; once it has, its OwnEnd.
inline tealet_run_t function_of(const core::Node& node) noexcept {
  return reinterpret_cast<tealet_run_t>(node.binding);
}
inline void set_function(core::Node& node, tealet_run_t run) noexcept {
  node.binding = reinterpret_cast<void*>(run);
}

// The TEALET_ERR_* of an engine's error; 0 for Errc::ok.
int error_of(Errc code) noexcept;

}  // namespace tealet::capi
