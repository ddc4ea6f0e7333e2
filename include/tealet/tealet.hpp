// Tealets for C++: coroutines that can pause in any call, without a stack allocated in advance.
//
//   tealet::Main main;
//   int n = 3;
//   tealet::Tealet countdown = main.create([&] {
//     for (; n > 0; --n) main.switch_to();   // pause here, go back to main
//   });
//   while (countdown.switch_to(), countdown) std::cout << n << '\n';
//
// All tealets of a Main run on the C stack of the thread that made it. While a tealet is paused,
// its variables may be in a chunk on the heap, with other bytes in their place. So never give
// another tealet a pointer to them. Two kinds of objects stay in place: variables of the main
// tealet that are in scope where a tealet is created (`n` above), and everything on the heap.
//
// Errors: <tealet/cxx/error.hpp>. Costs: Main::stats() and <tealet/cxx/stats.hpp>.
#pragma once

#include <tealet/cxx/counting_allocator.hpp>
#include <tealet/cxx/error.hpp>
#include <tealet/cxx/stats.hpp>
#include <tealet/cxx/status.hpp>
#include <tealet/cxx/tealet_stats.hpp>
#include <tealet/detail/compiler.h>
#include <tealet/detail/switch_result.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace tealet {

namespace core {

struct Node;
enum class Operation { invoke, destroy };
// invoke: calls the function of a tealet with `argument`. destroy: calls its destructor.
using Operate = void*(void* function, Operation operation, void* argument);

}  // namespace core

// Thrown at the pause point of a tealet to unwind it. Counts as a normal return when it leaves the
// function. A `catch (...)` must rethrow it. Through nested Mains it propagates until it leaves its
// target: if the target was paused inside a tealet of a nested Main, that tealet ends first, and
// its parent receives the Exit like any other exception.
class TEALET_API Exit {
 public:
  // Without a target: ends the first tealet whose function it leaves.
  Exit() noexcept = default;

 private:
  friend class Tealet;
  friend struct CxxDomain;
  explicit Exit(const core::Node& tealet) noexcept : tealet_(&tealet) {}

  const core::Node* tealet_ = nullptr;  // target; null means any
};

class Main;
struct CxxDomain;

// Refers to a tealet without owning it: does not keep it alive and does not end it. Its status is
// Exited once the tealet has ended, and also if it refers to none.
//
// One block of an ended tealet remains until the last Tealet or TealetRef to it is destroyed.
// Nothing on the stack of a defunct or discarded tealet is destroyed, so a reference there keeps
// the block forever.
class TEALET_API TealetRef {
 public:
  TealetRef() noexcept = default;
  TealetRef(const TealetRef& other) noexcept;
  TealetRef& operator=(const TealetRef& other) noexcept;
  ~TealetRef();

  // Switches to this tealet. Begins it with `value` as its argument, or resumes it with `value` as
  // the result of the switch that paused it. Returns the value passed by the next switch back.
  //
  // If the switch back sends an exception, throws that: one from throw_into(), one that left the
  // function of a tealet whose parent is the caller, or Exit.
  //
  // If nothing has switched, throws InvalidError (the tealet has ended or is a stub, or its domain
  // cannot be used here), DefunctError, ThreadError, MemoryError, or Error with
  // Errc::stack_exhausted.
  TEALET_INLINE void* switch_to(void* value = nullptr) const;

  // Resumes the tealet by throwing `exception` at its pause point. A new tealet ends at once, and
  // its parent receives the exception. Throws InvalidError if `exception` is null; otherwise as
  // switch_to().
  void* throw_into(std::exception_ptr exception) const;

  Status status() const noexcept;
  // Whether it has begun and not ended. True for a stub, too.
  explicit operator bool() const noexcept;
  // Bytes of its stack on the heap now. Those of a shared stack count in full.
  std::size_t saved_bytes() const noexcept;
  // How deep its stack is, in bytes. While the tealet runs: 0 if it is the main tealet, or if its
  // domain cannot be used here.
  std::size_t extent() const noexcept;
  // What it takes, and with Options::track its history. All zero if it has ended.
  TealetStats stats() const noexcept;

  // The tealet that receives its result: at first the one that created it. None if this is the main
  // tealet or has ended.
  TealetRef parent() const noexcept;
  // Throws InvalidError if this tealet is main or has ended; or if `parent` has ended, is a stub,
  // descends from this tealet or belongs to another Main.
  void set_parent(const TealetRef& parent) const;

  friend bool operator==(const TealetRef& a, const TealetRef& b) noexcept {
    return a.node_ == b.node_;
  }
  friend bool operator!=(const TealetRef& a, const TealetRef& b) noexcept { return !(a == b); }

 protected:
  friend class Main;
  friend struct CxxDomain;
  explicit TealetRef(core::Node* node) noexcept;
  bool alive() const noexcept;
  void unrefer() noexcept;

  core::Node* node_ = nullptr;
};

// Owns a tealet. Move-only; destroying it ends the tealet.
class TEALET_API Tealet : public TealetRef {
 public:
  Tealet() noexcept = default;
  Tealet(Tealet&& other) noexcept;
  Tealet& operator=(Tealet&& other) noexcept;
  // Unwinds a paused tealet: throws Exit at its pause point, so that destructors run, and frees its
  // memory. If another exception leaves it, that is discarded; close() throws it. The Main ends the
  // tealet later if it cannot be unwound now: it runs, it switches away instead of ending, memory
  // has run out, or its domain cannot be used here.
  ~Tealet();

  // Begins a stub with a function that takes an optional void* and returns void* or nothing. The
  // function is destroyed when the tealet ends. Throws InvalidError if this is not a stub;
  // otherwise as switch_to().
  template <class F>
  void* run(F function, void* value = nullptr);

  // A second stub that shares this one's stack. Throws InvalidError if this is not a stub: any
  // other stack may have objects that must not be destroyed twice.
  Tealet duplicate() const;

  // Ends the tealet. Unwinds a paused one like ~Tealet(), but throws errors: any other exception
  // that leaves the tealet; Error with Errc::refused if it switched away instead of ending. Throws
  // Exit on the running tealet. Does nothing if the tealet has ended. The destructors that run may
  // move or destroy this object.
  void close();

 private:
  friend class Main;
  explicit Tealet(core::Node* node) noexcept : TealetRef(node) {}

  // A block for the function of this stub. Throws if the stub cannot run now.
  void* allocate_block(std::size_t size) const;
  void deallocate_block(void* block, std::size_t size) const noexcept;
  void* run_block(void* function, std::size_t size, core::Operate* operate, void* value);
  core::Node* release() noexcept;
};

// All tealets of a domain but main.
struct Survey : SurveyFigures {
  std::vector<TealetRef> largest;  // those of the largest cost, the largest first
};

// A domain on this thread, and its main tealet. Not movable.
//
// Destroying it ends every tealet still alive, parents before their children. It must be destroyed
// on its own thread, in its main tealet: where it was made. A Main that was made in a tealet of
// another Main is closed when that tealet ends; then it can be destroyed anywhere.
class TEALET_API Main {
 public:
  struct Options {
    std::pmr::memory_resource* upstream = malloc_resource();
    // The most bytes to hold from upstream at once. Past it: MemoryError.
    std::size_t memory_limit = CountingAllocator::no_limit;
    // Whether to record the history of each tealet: see TealetStats. Takes 32 bytes for each.
    bool track = false;
  };

  Main();
  explicit Main(const Options& options);  // MemoryError
  ~Main();
  Main(const Main&) = delete;
  Main& operator=(const Main&) = delete;

  // A new tealet for a function that takes an optional void*, the value of the first switch, and
  // returns nothing or a void*, which is delivered to the parent. Throws MemoryError; InvalidError
  // or ThreadError if this Main cannot be used here.
  template <class F>
  Tealet create(F function);

  // A tealet with a captured stack and no function yet: see duplicate() and run(). Throws Error
  // with Errc::stack_exhausted; otherwise as create().
  Tealet stub();

  // The main tealet itself: the execution that made this object.
  TealetRef self() const noexcept;
  // self().switch_to(value).
  TEALET_INLINE void* switch_to(void* value = nullptr) const;

  // The running tealet, and the one that switched to it. Refers to none if there is none or it has
  // ended.
  TealetRef current() const noexcept;
  TealetRef previous() const noexcept;

  Stats stats() const noexcept;
  // Sums up what each tealet takes, in one walk over all of them. `largest`: how many of the
  // largest to list. Throws std::bad_alloc. Its memory does not come from the domain.
  Survey survey(std::size_t largest = 10) const;
  // Both peaks become the current values.
  void reset_peak_stats() noexcept;
  // Returns the cached blocks upstream. The result is how many bytes that were.
  std::size_t trim() noexcept;
  // The allocator of all memory of this domain. Valid as long as this object.
  CountingAllocator& memory() noexcept;

 private:
  core::Node* create_node(std::size_t extra);

  CxxDomain* domain_;
};

// --- implementation; nothing from here on is for users ---

namespace core {

// The part of TealetRef::switch_to() and Main::switch_to() up to the switch result. They tail-call
// the switch core, leaving no frame on the saved stack, so it returns straight to the program's own
// code. They throw errors that they find before the switch.
TEALET_API tealetpp_switch_result switch_to(Node* target, void* value);
TEALET_API tealetpp_switch_result switch_to_main(CxxDomain& domain, void* value);
// Throws the exception or the error that `result` stands for.
[[noreturn]] TEALET_API void raise(tealetpp_switch_result result);

TEALET_INLINE void* value_of(tealetpp_switch_result result) {
  if (TEALET_UNLIKELY(result.what != 0)) raise(result);
  return result.value;
}

template <class F>
void* call(F& callable, [[maybe_unused]] void* argument) {
  if constexpr (std::is_invocable_r_v<void*, F&, void*>) {
    return callable(argument);
  } else if constexpr (std::is_invocable_r_v<void*, F&>) {
    return callable();
  } else if constexpr (std::is_invocable_v<F&, void*>) {
    callable(argument);
    return nullptr;
  } else {
    callable();
    return nullptr;
  }
}

template <class F>
void* operate_on(void* function, Operation operation, void* argument) {
  F& callable = *static_cast<F*>(function);
  if (operation == Operation::invoke) return call(callable, argument);
  callable.~F();
  return nullptr;
}

// The step and the maximum of the size of the memory behind a node, in bytes. The history of a
// tealet is part of that memory.
inline constexpr std::size_t extra_unit = 8;
inline constexpr std::size_t largest_extra = extra_unit * UINT32_MAX - 32;

// The memory behind a node: the function of its tealet lies there.
TEALET_API void* extra_of(Node& node) noexcept;
// Sets what calls and destroys that function.
TEALET_API void set_operate(Node& node, Operate* operate) noexcept;

}  // namespace core

inline void* TealetRef::switch_to(void* value) const {
  return core::value_of(core::switch_to(node_, value));
}

// Not through self(): a TealetRef on a discarded stack would keep the main tealet's node forever.
inline void* Main::switch_to(void* value) const {
  return core::value_of(core::switch_to_main(*domain_, value));
}

template <class F>
Tealet Main::create(F function) {
  static_assert(alignof(F) <= alignof(std::max_align_t), "the callable must not be over-aligned");
  static_assert(sizeof(F) <= core::largest_extra,
                "the callable is too large: let it own its data on the heap");
  Tealet tealet(create_node(sizeof(F)));
  ::new (core::extra_of(*tealet.node_)) F(std::move(function));
  core::set_operate(*tealet.node_, core::operate_on<F>);
  return tealet;
}

template <class F>
void* Tealet::run(F function, void* value) {
  static_assert(alignof(F) <= alignof(std::max_align_t), "the callable must not be over-aligned");
  // Moved to the heap: restoring the stub's stack may overwrite the caller's variables.
  constexpr std::size_t size =
      (sizeof(F) + core::extra_unit - 1) / core::extra_unit * core::extra_unit;
  void* block = allocate_block(size);
  try {
    ::new (block) F(std::move(function));
  } catch (...) {
    deallocate_block(block, size);
    throw;
  }
  return run_block(block, size, core::operate_on<F>, value);
}

}  // namespace tealet
