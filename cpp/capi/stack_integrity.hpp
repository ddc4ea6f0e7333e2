// Watches the bytes of the stack beyond the far end of the tealet that runs.
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
  ~StackIntegrity() { give_copy_back(); }
  StackIntegrity(const StackIntegrity&) = delete;
  StackIntegrity& operator=(const StackIntegrity&) = delete;

  // What is asked for as it can be done: see tealet_configure_set().
  static tealet_config_t canonical(tealet_config_t wanted) noexcept;

  // Changes what is watched from the next watch() on. `config` is canonical. False if there is no
  // memory; nothing has changed then.
  bool configure(const tealet_config_t& config) noexcept;
  const tealet_config_t& config() const noexcept { return config_; }
  bool active() const noexcept { return config_.flags != 0; }

  // From now on a tealet runs whose far end is `far`.
  void watch(char* far) noexcept;
  // Whether what is watched is as it was. If not: a second call says that it is, or this one does
  // not return, as the policy has it.
  bool intact() noexcept;
  // Nothing is watched any more.
  void release() noexcept;

 private:
  bool wants(unsigned int flag) const noexcept { return (config_.flags & flag) != 0; }
  void guard(StackRange window) noexcept;
  void copy(StackRange below, StackRange above) noexcept;
  const char* first_difference() const noexcept;
  void give_copy_back() noexcept;

  CountingAllocator& memory_;
  tealet_config_t config_ = TEALET_CONFIG_INIT;
  char* copy_ = nullptr;  // of copy_size_ bytes
  std::size_t copy_size_ = 0;
  // While a tealet is watched; empty otherwise.
  StackRange guarded_;
  StackRange below_, above_;  // what is copied, on both sides of what is guarded
};

}  // namespace tealet::capi
