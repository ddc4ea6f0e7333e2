// TEALETPP_ASAN and TEALETPP_TSAN: 1 if this is compiled with that sanitizer, otherwise 0.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define TEALETPP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEALETPP_ASAN 1
#endif
#endif
#ifndef TEALETPP_ASAN
#define TEALETPP_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define TEALETPP_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEALETPP_TSAN 1
#endif
#endif
#ifndef TEALETPP_TSAN
#define TEALETPP_TSAN 0
#endif
