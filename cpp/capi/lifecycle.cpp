// The C API: creation and destruction of domains and tealets.
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#include "capi/c_domain.hpp"
#include "capi/misuse.hpp"
#include "port/compiler.hpp"

using namespace tealet;
using namespace tealet::capi;

namespace {

// Constructs the handle in the block of a node, behind it.
tealet_t* make_handle(CDomain& domain, core::Node& node) noexcept {
  void* extra = domain.extra_bytes > sizeof(tealet_t) ? handle_of(node) + 1 : nullptr;
  return ::new (node.extra()) tealet_t{handle_of(domain.main()), extra};
}

void free_domain(CDomain& domain) noexcept {
  const tealet_alloc_t allocator = domain.allocator();
  domain.~CDomain();
  TEALET_ALLOC_FREE(&allocator, &domain);
}

// Aborts unless main runs: the running tealet would lose its stack.
void check_finalize(CDomain& domain) noexcept {
  if (domain.current().is_main()) return;
  const auto* main = static_cast<void*>(handle_of(domain.main()));
  const auto* current = static_cast<void*>(handle_of(domain.current()));
  const bool foreign = domain.check() == Errc::thread;
  misuse("tealet_finalize",
         "it must be called in the main tealet (state: tealet %p runs%s; its main tealet is %p)",
         current, foreign ? " on another thread" : "", main);
}

void check_functions(const tealet_alloc_t& functions) noexcept {
  if (functions.malloc_p != nullptr && functions.free_p != nullptr) return;
  misuse(
      "tealet_initialize", "the allocator lacks a function (state: malloc_p is %s, free_p is %s)",
      functions.malloc_p != nullptr ? "set" : "NULL", functions.free_p != nullptr ? "set" : "NULL");
}

// --- with the lock held ---

tealet_t* make_tealet(CDomain& domain, tealet_t*) noexcept {
  core::Node* node = domain.make();
  return node != nullptr ? make_handle(domain, *node) : nullptr;
}

tealet_t* duplicate_tealet(CDomain& domain, tealet_t* tealet) noexcept {
  core::Node& original = node_of(tealet);
  if (original.is_main() || &original == &domain.current()) return nullptr;
  core::Node* node = domain.duplicate(original);
  if (node == nullptr) return nullptr;
  tealet_t* duplicate = make_handle(domain, *node);
  if (duplicate->extra != nullptr) {
    std::memcpy(duplicate->extra, tealet->extra, domain.extra_bytes - sizeof(tealet_t));
  }
  return duplicate;
}

tealet_t* delete_tealet(CDomain& domain, tealet_t* tealet) noexcept {
  core::Node& node = node_of(tealet);
  if (!node.is_main() && &node != &domain.current()) domain.discard(node);
  return nullptr;
}

}  // namespace

void* tealet_alloc_malloc(size_t size, void*) { return std::malloc(size); }
void tealet_alloc_free(void* ptr, void*) { std::free(ptr); }

TEALETPP_NOINLINE tealet_t* tealet_initialize(tealet_alloc_t* alloc, size_t extrasize) {
  const tealet_alloc_t defaults = TEALET_ALLOC_INIT_MALLOC;
  const tealet_alloc_t& functions = alloc != nullptr ? *alloc : defaults;
  check_functions(functions);
  if (extrasize > core::largest_node_extra - sizeof(tealet_t)) return nullptr;
  void* block = TEALET_ALLOC_MALLOC(&functions, sizeof(CDomain));
  if (block == nullptr) return nullptr;
  require_aligned(block);
  auto* here = TEALETPP_FRAME_ADDRESS();
  auto* domain = ::new (block) CDomain(functions, sizeof(tealet_t) + extrasize, here);
  if (domain->open(domain->extra_bytes) != Errc::ok) {
    free_domain(*domain);
    return nullptr;
  }
  require_aligned(&domain->main());
  domain->main().origin = TEALET_ORIGIN_MAIN_LINEAGE;
  return make_handle(*domain, domain->main());
}

void tealet_finalize(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  CDomain& domain = domain_of(tealet);
  Callback::forbid(domain);
  if (domain.can_never_run()) {
    domain.orphan_neighbours();
  } else {
    check_finalize(domain);
  }
  free_domain(domain);
}

tealet_t* tealet_new(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  return with_lock<make_tealet>(domain_of(tealet), tealet);
}

tealet_t* tealet_duplicate(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  return with_lock<duplicate_tealet>(domain_of(tealet), tealet);
}

void tealet_delete(tealet_t* target) {
  require(target, __func__, "target");
  with_lock<delete_tealet>(domain_of(target), target);
}
