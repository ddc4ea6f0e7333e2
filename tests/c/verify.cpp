// What the C API has not: a look at all invariants of a domain, in builds with checks.
#include "capi/c_domain.hpp"

#if TEALET_CHECKS
extern "C" void verify_domain(tealet_t* tealet) { tealet::capi::domain_of(tealet).verify(); }
#endif
