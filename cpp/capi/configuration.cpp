// The C API: configuration, the lock, and main's far end.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "capi/c_domain.hpp"
#include "capi/misuse.hpp"
#include "port/compiler.hpp"
#include "port/pages.hpp"

using namespace tealet;
using namespace tealet::capi;

namespace {

constexpr std::size_t header_size = offsetof(tealet_config_t, flags);

bool readable(const tealet_config_t* config) noexcept {
  return config != nullptr && config->size >= header_size &&
         config->version == TEALET_CONFIG_CURRENT_VERSION;
}

// The offsets at which a member begins, and the end of the last one.
constexpr std::array<std::size_t, 8> edges{header_size,
                                           offsetof(tealet_config_t, stack_integrity_bytes),
                                           offsetof(tealet_config_t, stack_guard_mode),
                                           offsetof(tealet_config_t, stack_integrity_fail_policy),
                                           offsetof(tealet_config_t, stack_guard_limit),
                                           offsetof(tealet_config_t, max_stack_size),
                                           offsetof(tealet_config_t, reserved),
                                           sizeof(tealet_config_t)};

// Copies the members that fit in `size` bytes, except `size` and `version`.
void copy_members(tealet_config_t& to, const tealet_config_t& from, std::size_t size) noexcept {
  const auto* beyond = std::upper_bound(edges.begin(), edges.end(), size);
  const std::size_t members = *(beyond - 1) - header_size;
  std::memcpy(reinterpret_cast<char*>(&to) + header_size,
              reinterpret_cast<const char*>(&from) + header_size, members);
}

void update_fast_transfers(CDomain& domain) noexcept {
  domain.fast_transfers = !domain.integrity.active() && !domain.locks_automatically();
}

// Aborts if the running tealet's stack would be watched from where it does not run: other bytes lie
// there.
void check_configure(CDomain& domain, const tealet_config_t& wanted) noexcept {
  if (!domain.integrity.active() && wanted.flags == 0) return;
  core::Node& current = domain.current();
  if ((current.origin & TEALET_ORIGIN_MAIN_LINEAGE) != 0) return;
  const Errc code = domain.check();
  if (code == Errc::ok) return;
  misuse("tealet_configure_set",
         "stack integrity must be configured where the domain runs (state: tealet %p runs; %s)",
         static_cast<void*>(handle_of(current)), describe(code));
}

}  // namespace

int tealet_configure_get(tealet_t* tealet, tealet_config_t* config) {
  require(tealet, __func__, "tealet");
  if (!readable(config)) return TEALET_ERR_INVAL;
  copy_members(*config, domain_of(tealet).integrity.config(), config->size);
  return 0;
}

int tealet_configure_set(tealet_t* tealet, tealet_config_t* config) {
  require(tealet, __func__, "tealet");
  if (!readable(config)) return TEALET_ERR_INVAL;
  CDomain& domain = domain_of(tealet);
  tealet_config_t wanted = TEALET_CONFIG_INIT;
  copy_members(wanted, *config, config->size);
  wanted = StackIntegrity::canonical(wanted);

  check_configure(domain, wanted);
  // The running tealet may be watched already.
  domain.integrity.release();
  const bool done = domain.integrity.configure(wanted);
  if (done) copy_members(*config, wanted, config->size);
  update_fast_transfers(domain);
  domain.watch_current();
  return done ? 0 : TEALET_ERR_MEM;
}

TEALETPP_NOINLINE int tealet_configure_check_stack(tealet_t* tealet, size_t stack_integrity_bytes) {
  require(tealet, __func__, "tealet");
  tealet_config_t config = domain_of(tealet).integrity.config();
  config.flags =
      TEALET_CONFIGF_STACK_INTEGRITY | TEALET_CONFIGF_STACK_GUARD | TEALET_CONFIGF_STACK_SNAPSHOT;
  config.stack_integrity_bytes =
      stack_integrity_bytes != 0 ? stack_integrity_bytes : port::page_size();
  config.stack_guard_mode = TEALET_STACK_GUARD_MODE_NOACCESS;
  config.stack_integrity_fail_policy = TEALET_STACK_INTEGRITY_FAIL_ERROR;
  config.stack_guard_limit = TEALETPP_FRAME_ADDRESS();
  return tealet_configure_set(tealet, &config);
}

int tealet_configure_set_locking(tealet_t* tealet, const tealet_lock_t* locking) {
  require(tealet, __func__, "tealet");
  if (locking != nullptr) {
    // A C program may have stored a value that the enumeration does not have in C++.
    int mode = TEALET_LOCK_OFF;
    static_assert(sizeof(mode) == sizeof(locking->mode));
    std::memcpy(&mode, &locking->mode, sizeof(mode));
    if (mode != TEALET_LOCK_OFF && mode != TEALET_LOCK_AUTO) return TEALET_ERR_INVAL;
  }
  CDomain& domain = domain_of(tealet);
  domain.locking = locking != nullptr ? *locking : tealet_lock_t{};
  update_fast_transfers(domain);
  return 0;
}

TEALETPP_NOINLINE int tealet_set_far(tealet_t* tealet, void* far_boundary) {
  require(tealet, __func__, "tealet");
  core::Node& node = node_of(tealet);
  CDomain& domain = CDomain::of(node);
  auto* far = static_cast<char*>(far_boundary);
  const bool above = far > TEALETPP_FRAME_ADDRESS();
  const bool runs = domain.check() == Errc::ok && &node == &domain.current();
  if (!node.is_main() || !runs || !above) return TEALET_ERR_INVAL;
  // `unbounded` takes the far end away again: tealet_get_far() returned it before.
  if (far != core::unbounded) require_on_stack(far, __func__, "far_boundary");
  domain.set_main_far(far);
  return 0;
}
