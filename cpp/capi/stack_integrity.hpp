// Stack integrity: detects that the running tealet writes beyond its far end, where the bytes
// belong to its creator. Full pages there are protected; the bytes beside them are copied and
// compared.
#pragma once

#include <tealet/cxx/counting_allocator.hpp>
#include <tealet/tealet.h>

#include <cstddef>

namespace tealet::capi {

// A piece of the stack, [low, high).
struct StackRange {
  char* low = nullptr;
  char* high = nullptr;
  std::size_t size() const noexcept { return static_cast<std::size_t>(high - low); }
};

class StackIntegrity {
 public:
  explicit StackIntegrity(CountingAllocator& memory) noexcept : memory_(memory) {}
  ~StackIntegrity() { free_copy(); }
  StackIntegrity(const StackIntegrity&) = delete;
  StackIntegrity& operator=(const StackIntegrity&) = delete;

  // The configuration that takes effect when `wanted` is set: see tealet_configure_set().
  static tealet_config_t canonical(tealet_config_t wanted) noexcept;

  // Takes effect at the next watch(). Strong guarantee: false if there is no memory. Preconditions:
  // `config` is canonical, and nothing is watched.
  bool configure(const tealet_config_t& config) noexcept;
  const tealet_config_t& config() const noexcept { return config_; }
  bool active() const noexcept { return config_.flags != 0; }

  // Watches for a tealet whose far end is `far` and that runs now. Precondition: nothing is
  // watched.
  void watch(char* far) noexcept;
  // Compares the watched bytes with their copy. If one has changed, ends the process or returns
  // false, by the policy. After false the copy is dropped, so the next call returns true.
  bool intact() noexcept;
  // Stops watching. Every page is writable again, so any other tealet can run.
  void release() noexcept;

 private:
  bool is_watching() const noexcept { return guarded_.size() + below_.size() + above_.size() != 0; }
  bool wants(unsigned int flag) const noexcept { return (config_.flags & flag) != 0; }
  void guard(StackRange window) noexcept;
  void copy(StackRange below, StackRange above) noexcept;
  const char* first_difference() const noexcept;
  void free_copy() noexcept;

  CountingAllocator& memory_;
  tealet_config_t config_ = TEALET_CONFIG_INIT;
  char* copy_ = nullptr;  // of copy_size_ bytes
  std::size_t copy_size_ = 0;
  // Empty unless a tealet is watched.
  StackRange guarded_;        // the pages that are protected
  StackRange below_, above_;  // the copied bytes on both sides of them
};

}  // namespace tealet::capi
