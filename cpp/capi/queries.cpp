#include "c_domain.hpp"

using namespace tealet;
using namespace tealet::capi;

tealet_t* tealet_current(tealet_t* tealet) { return handle_of(domain_of(tealet).current()); }

tealet_t* tealet_previous(tealet_t* tealet) {
  core::Node* previous = domain_of(tealet).previous();
  return previous != nullptr ? handle_of(*previous) : nullptr;
}

void** tealet_main_userpointer(tealet_t* tealet) { return &domain_of(tealet).user_pointer; }

unsigned int tealet_get_origin(tealet_t* tealet) { return node_of(tealet).marks; }

int tealet_status(tealet_t* tealet) {
  switch (domain_of(tealet).status(node_of(tealet))) {
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
  return domain_of(tealet).saved_bytes(node_of(tealet));
}

void* tealet_get_far(tealet_t* tealet) { return node_of(tealet).far; }

void tealet_get_stats(tealet_t* tealet, tealet_stats_t* stats) {
  const Stats now = domain_of(tealet).stats();
  stats->n_active = now.n_active;
  stats->n_total = now.n_total;
  stats->bytes_allocated = now.bytes_allocated;
  stats->bytes_allocated_peak = now.bytes_allocated_peak;
  stats->blocks_allocated = now.blocks_allocated;
  stats->blocks_allocated_peak = now.blocks_allocated_peak;
  stats->blocks_allocated_total = now.blocks_allocated_total;
  stats->stack_count = now.stack_count;
  stats->stack_chunk_count = now.stack_chunk_count;
  stats->stack_bytes = now.stack_bytes;
  stats->stack_bytes_expanded = now.stack_bytes_expanded;
  stats->stack_bytes_naive = now.stack_bytes_naive;
}

void tealet_reset_peak_stats(tealet_t* tealet) { domain_of(tealet).reset_peak_stats(); }
