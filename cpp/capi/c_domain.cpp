#include "capi/c_domain.hpp"

#include <new>

#include "capi/transfer.hpp"

namespace tealet::capi {

namespace {

// Node::binding owns nothing, so there is nothing to free.
bool release(core::Node&) { return true; }

// No close hook: a domain whose enclosing tealet ends stays open until tealet_finalize().
constexpr core::Hooks hooks{run_function, release, nullptr, nullptr};

}  // namespace

void* AllocatorResource::do_allocate(std::size_t bytes, std::size_t) {
  const Callback callback(static_cast<const CDomain&>(*this), "tealet_alloc_t::malloc_p");
  void* block = functions_.malloc_p(bytes, functions_.context);
  if (block == nullptr) throw std::bad_alloc();
#if TEALET_CHECKS
  require_aligned(block);
#endif
  return block;
}

void AllocatorResource::do_deallocate(void* block, std::size_t, std::size_t) {
  const Callback callback(static_cast<const CDomain&>(*this), "tealet_alloc_t::free_p");
  functions_.free_p(block, functions_.context);
}

bool AllocatorResource::do_is_equal(const std::pmr::memory_resource& other) const noexcept {
  return this == &other;
}

CDomain::CDomain(const tealet_alloc_t& functions, std::size_t extra, char* frame) noexcept
    : AllocatorResource(functions),
      Domain(hooks, static_cast<AllocatorResource*>(this), CountingAllocator::no_limit),
      extra_bytes(extra),
      opened_at(frame),
      integrity(memory()) {
  memory().set_cache_bytes(0);
  memory().charge(sizeof(CDomain));
}

bool CDomain::can_never_run() const noexcept {
  const core::Nesting* level = &nesting();
  while (!level->orphaned()) {
    const core::Node* outer = level->enclosing_tealet();
    if (outer == nullptr) return false;
    if (outer->status == Status::Defunct) return true;
    level = &outer->domain()->nesting();
  }
  return true;
}

void CDomain::orphan_neighbours() noexcept {
  TEALETPP_CHECK(can_never_run());
  const core::Node* outer = nesting().enclosing_tealet();
  while (outer != nullptr) {
    const bool defunct = outer->status == Status::Defunct;
    core::Nesting& further = outer->domain()->nesting();
    further.orphan(*outer);
    outer = defunct ? nullptr : further.enclosing_tealet();
  }
}

Errc CDomain::check_caller(const char* here) const noexcept {
  if (const Errc code = check(); code != Errc::ok) return code;
  const std::ptrdiff_t distance = here < opened_at ? opened_at - here : here - opened_at;
  const std::size_t most = integrity.config().max_stack_size;
  const bool near = most == 0 || static_cast<std::size_t>(distance) <= most;
  return near ? Errc::ok : Errc::invalid;
}

bool CDomain::before_transfer_slow() noexcept {
  if (locks_automatically()) {
    Callback::forbid(*this);
    lock();
  }
  if (!integrity.intact()) {
    if (locks_automatically()) unlock();
    return false;
  }
  integrity.release();
  return true;
}

void CDomain::after_transfer_slow() noexcept {
  watch_current();
  if (locks_automatically()) unlock();
}

void CDomain::watch_current() noexcept {
  const bool of_main = (current().origin & TEALET_ORIGIN_MAIN_LINEAGE) != 0;
  if (!of_main) integrity.watch(current().far);
}

void CDomain::lock() noexcept {
  if (locking.lock != nullptr) call(locking.lock, "tealet_lock_t::lock");
}

void CDomain::unlock() noexcept {
  if (locking.unlock != nullptr) call(locking.unlock, "tealet_lock_t::unlock");
}

// With TEALET_LOCK_OFF only the program causes these calls, by tealet_lock() and tealet_unlock().
// Then the functions may use the domain.
void CDomain::call(void (*function)(void* arg), const char* name) const noexcept {
  if (locks_automatically()) {
    const Callback callback(*this, name);
    function(locking.arg);
  } else {
    function(locking.arg);
  }
}

int error_of(Errc code) noexcept {
  switch (code) {
    case Errc::ok:
      return 0;
    case Errc::memory:
    case Errc::stack_exhausted:
      return TEALET_ERR_MEM;
    case Errc::defunct:
      return TEALET_ERR_DEFUNCT;
    default:
      return TEALET_ERR_INVAL;
  }
}

}  // namespace tealet::capi
