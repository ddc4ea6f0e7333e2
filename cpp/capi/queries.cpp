// The C API: functions that read the state of a tealet or a domain.
#include "capi/c_domain.hpp"
#include "capi/misuse.hpp"
#include "core/c_stats.hpp"

using namespace tealet;
using namespace tealet::capi;

tealet_t* tealet_current(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  return handle_of(domain_of(tealet).current());
}

tealet_t* tealet_previous(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  core::Node* previous = domain_of(tealet).previous();
  return previous != nullptr ? handle_of(*previous) : nullptr;
}

void** tealet_main_userpointer(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  return &domain_of(tealet).user_pointer;
}

unsigned int tealet_get_origin(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  return node_of(tealet).origin;
}

int tealet_status(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  switch (node_of(tealet).status) {
    case Status::New:
      return TEALET_STATUS_NEW;
    case Status::Exited:
      return TEALET_STATUS_EXITED;
    case Status::Defunct:
      return TEALET_STATUS_DEFUNCT;
    default:
      return TEALET_STATUS_ACTIVE;
  }
}

size_t tealet_get_stacksize(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  const core::Node& node = node_of(tealet);
  return node.status == Status::Defunct ? 0 : CDomain::of(node).saved_bytes(node);
}

void* tealet_get_far(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  return node_of(tealet).far;
}

void tealet_get_stats(tealet_t* tealet, tealet_stats_t* stats) {
  require(tealet, __func__, "tealet");
  *stats = core::to_c(domain_of(tealet).stats());
}

void tealet_reset_peak_stats(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  domain_of(tealet).reset_peak_stats();
}
