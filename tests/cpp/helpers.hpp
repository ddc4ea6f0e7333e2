// Helpers of the C++ tests.
#pragma once

#include <tealet/tealet.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <string>
#include <vector>

#include "core/domain.hpp"

namespace tealet_tests {

using tealet::Main;
using tealet::Stats;
using tealet::Status;
using tealet::Tealet;
using tealet::TealetRef;
using tealet::core::code_of;

inline constexpr bool counting = TEALET_WITH_STATS != 0;

// Small numbers as values of switches.
inline void* token(int number) {
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(number));
}
inline int number(void* value) { return static_cast<int>(reinterpret_cast<std::intptr_t>(value)); }

// The engine behind the C++ API.
inline tealet::core::Node& node_of(const TealetRef& tealet) {
  struct Reach : TealetRef {
    static auto node() { return &Reach::node_; }
  };
  return *(tealet.*Reach::node());
}
inline tealet::core::Domain& domain_of(Main& main) { return *node_of(main.self()).domain(); }

// Bytes on a stack that must be found as they were left. Mismatches are counted here, since the
// destructor also runs while Exit is on its way.
inline int damaged = 0;

template <std::size_t size = 256>
class Pattern {
 public:
  explicit Pattern(unsigned seed) : seed_(seed) {
    for (std::size_t i = 0; i < size; ++i) bytes_[i] = expected(i);
  }
  ~Pattern() {
    if (!intact()) ++damaged;
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  bool intact() const {
    for (std::size_t i = 0; i < size; ++i) {
      if (bytes_[i] != expected(i)) return false;
    }
    return true;
  }

 private:
  unsigned char expected(std::size_t i) const {
    return static_cast<unsigned char>((seed_ * 2654435761U + i * 40503U) >> 7);
  }
  volatile unsigned seed_;
  volatile unsigned char bytes_[size];
};

// Writes to a log when it is destroyed.
struct Note {
  std::string& log;
  std::string text;
  ~Note() { log += text; }
};

// Calls `function` below `depth` frames of known content.
template <class F>
__attribute__((noinline)) void at_depth(int depth, F&& function, unsigned seed = 1) {
  Pattern<> pattern(seed + static_cast<unsigned>(depth));
  if (depth == 0) {
    function();
  } else {
    at_depth(depth - 1, function, seed);
  }
  CHECK(pattern.intact());
}

// An upstream that counts its blocks, and can fail on request.
class Upstream final : public std::pmr::memory_resource {
 public:
  // The allocation after `allocations` more fails, and so do all that follow until refill().
  void run_dry_after(std::size_t allocations) { left_ = allocations, limited_ = true; }
  void refill() { limited_ = false; }
  bool dry() const { return limited_ && left_ == 0; }
  std::size_t failures() const { return failures_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t blocks() const { return blocks_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (dry()) {
      ++failures_;
      throw std::bad_alloc();
    }
    if (limited_) --left_;
    void* block = tealet::malloc_resource()->allocate(bytes, alignment);
    bytes_ += bytes;
    blocks_ += 1;
    return block;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    bytes_ -= bytes;
    blocks_ -= 1;
    tealet::malloc_resource()->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::size_t bytes_ = 0;
  std::size_t blocks_ = 0;
  std::size_t left_ = 0;
  std::size_t failures_ = 0;
  bool limited_ = false;
};

inline Main::Options over(Upstream& upstream) {
  Main::Options options;
  options.upstream = &upstream;
  return options;
}

inline bool same(const Stats& one, const Stats& other) {
  return std::all_of(tealet::stats_fields.begin(), tealet::stats_fields.end(),
                     [&](const auto& field) { return one.*field.value == other.*field.value; });
}

// The same of what exists now; peaks, totals and cached blocks may differ.
inline bool same_now(const Stats& one, const Stats& other) {
  return std::all_of(
      tealet::stats_fields.begin(), tealet::stats_fields.end(), [&](const auto& field) {
        return field.kind != tealet::StatsKind::now || one.*field.value == other.*field.value;
      });
}

// Whether the figures obey what is always true of them and are the same when counted one by one.
inline bool consistent(tealet::core::Domain& domain) {
#if TEALET_CHECKS
  domain.verify();
#endif
  tealet::CountingAllocator& memory = domain.memory();
  const Stats stats = domain.stats();
#if TEALET_WITH_STATS
  std::vector<tealet::core::Node*> largest;
  const tealet::SurveyFigures survey = domain.survey(0, largest);
  if (survey.domain_bytes != domain.domain_bytes_by_walk()) return false;
  if (survey.cost.total + survey.domain_bytes != stats.bytes_allocated) return false;
  return same(stats, domain.stats_by_walk()) && stats.stack_bytes <= stats.stack_bytes_expanded &&
         stats.stack_bytes_expanded <= stats.stack_bytes_naive &&
         stats.stack_count <= stats.stack_chunk_count && stats.n_active <= stats.n_total &&
         stats.bytes_allocated <= stats.bytes_allocated_peak &&
         stats.blocks_allocated <= stats.blocks_allocated_peak &&
         stats.blocks_allocated_peak <= stats.blocks_allocated_total &&
         stats.bytes_allocated + stats.bytes_cached == memory.bytes_from_upstream();
#else
  return same(stats, Stats{}) && memory.counts().bytes == 0;
#endif
}
inline bool consistent(Main& main) { return consistent(domain_of(main)); }

}  // namespace tealet_tests
