// The C API: blocks of memory and the lock for the program, and addresses on the stack.
#include "capi/c_domain.hpp"
#include "capi/misuse.hpp"
#include "port/compiler.hpp"

using namespace tealet::capi;

void* tealet_malloc(tealet_t* tealet, size_t s) {
  require(tealet, __func__, "tealet");
  return TEALET_ALLOC_MALLOC(&domain_of(tealet).allocator(), s);
}

void tealet_free(tealet_t* tealet, void* p) {
  require(tealet, __func__, "tealet");
  TEALET_ALLOC_FREE(&domain_of(tealet).allocator(), p);
}

void tealet_lock(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  domain_of(tealet).lock();
}

void tealet_unlock(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  domain_of(tealet).unlock();
}

ptrdiff_t tealet_stack_diff(void* a, void* b) {
  return static_cast<char*>(a) - static_cast<char*>(b);
}

void* tealet_stack_further(void* a, void* b) { return a > b ? a : b; }

TEALETPP_NOINLINE void* tealet_new_probe(tealet_t*, tealet_run_t, void**, void* stack_far, int) {
  return tealet_stack_further(TEALETPP_CALLERS_STACK_POINTER(), stack_far);
}
