// Tealets for C++: coroutines that can pause in the middle of any call, and need no stack
// beforehand.
//
//   tealet::Main main;
//   int n = 3;
//   tealet::Tealet countdown = main.create([&] {
//     for (; n > 0; --n) main.switch_to();   // pause here, go back to main
//   });
//   while (countdown.switch_to(), countdown) std::cout << n << '\n';
//
// All tealets of one Main run on the C stack of the thread that made it. While a tealet is paused
// its own variables may lie in a chunk on the heap with something else in their place: never give
// another tealet a pointer to them. Variables of the main tealet that are in scope where a tealet
// is created stay in place (`n` above), and so does everything on the heap. Errors:
// <tealet/cxx/error.hpp>. What it costs: Main::stats() and <tealet/cxx/stats.hpp>.
#pragma once

#include <tealet/cxx/counting_allocator.hpp>
#include <tealet/cxx/error.hpp>
#include <tealet/cxx/stats.hpp>
#include <tealet/cxx/status.hpp>
#include <tealet/detail/compiler.h>
#include <tealet/detail/switch_result.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>

namespace tealet {

namespace core {

struct Node;
enum class Operation { invoke, destroy };
// invoke: calls the function of a tealet with `argument`. destroy: destroys it.
using Operate = void*(void* function, Operation operation, void* argument);

}  // namespace core

// Raised at the pause point of a tealet that is to end, so that destructors run. It is taken as a
// normal end. A function that catches everything must let this pass. If the tealet was paused
// inside a tealet of a Main that was made in it, that one ends first, and the Exit goes on in its
// parent like any other exception, until it leaves the one that it is for.
class TEALET_API Exit {
 public:
  // Ends whichever tealet's function it leaves.
  Exit() noexcept = default;

 private:
  friend class Tealet;
  friend struct CxxDomain;
  explicit Exit(const core::Node& tealet) noexcept : tealet_(&tealet) {}

  const core::Node* tealet_ = nullptr;  // target; null means any
};

class Main;
struct CxxDomain;

// Refers to a tealet without owning it: keeping one neither keeps the tealet alive nor ends it. An
// object that refers to none, or whose tealet has ended, is Exited. The last Tealet or TealetRef to
// go frees the one block that is left of a tealet that has ended. Those on a stack that is given
// up never go, as nothing there is destroyed.
class TEALET_API TealetRef {
 public:
  TealetRef() noexcept = default;
  TealetRef(const TealetRef& other) noexcept;
  TealetRef& operator=(const TealetRef& other) noexcept;
  ~TealetRef();

  // Switches to this tealet. Begins it with `value` as its argument, or resumes it with `value` as
  // the result of the switch that paused it. Returns the value passed by the next switch back.
  // Throws instead: an exception thrown into the caller, or one that left the
  // function of a tealet whose parent is the caller. InvalidError if it has ended, is a stub, or
  // its domain cannot be used here; DefunctError, ThreadError, MemoryError; Error with
  // Errc::stack_exhausted. Nothing has switched then.
  TEALET_INLINE void* switch_to(void* value = nullptr) const;

  // Resumes it by raising `exception` at its pause point. One that has not begun ends at once, and
  // its parent gets the exception. InvalidError if there is none; otherwise as switch_to().
  void* throw_into(std::exception_ptr exception) const;

  Status status() const noexcept;
  // Whether it has begun and not ended.
  explicit operator bool() const noexcept;
  // Bytes of its stack on the heap now; those of a shared stack count in full.
  std::size_t saved_bytes() const noexcept;
  // How deep its stack is, in bytes. Of one that runs: 0 for the main tealet, and where its domain
  // cannot be used.
  std::size_t extent() const noexcept;

  // Who receives its result: at first the tealet that created it. Refers to none if this is the
  // main tealet or has ended.
  TealetRef parent() const noexcept;
  // InvalidError if this tealet or `parent` has ended, if `parent` is a stub, descends from this
  // tealet or belongs to another Main.
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
  // Unwinds a paused tealet: Exit is raised at its pause point, destructors run, its memory is
  // returned. Another exception that leaves it then is lost; close() reports it. A tealet that
  // cannot be unwound now (it is the running one, it switches away instead of ending, memory is
  // short, or its domain cannot be used here) stays with its Main, which ends it when closed.
  ~Tealet();

  // Begins a stub with a function that takes an optional void* and returns void* or nothing; the
  // function is destroyed when the tealet ends. InvalidError if it is not a stub; otherwise as
  // switch_to().
  template <class F>
  void* run(F function, void* value = nullptr);

  // A second stub that shares this one's stack. InvalidError if it is not a stub: the objects on
  // the stack of anything else must not be destroyed twice.
  Tealet duplicate() const;

  // Ends it, and returns then: unwinds a paused tealet as ~Tealet does, but throws what went wrong.
  // On the running tealet it throws Exit. Does nothing if it has ended. Errc::refused if it
  // switched away instead of ending. What its destructors do may move or destroy this object.
  void close();

 private:
  friend class Main;
  explicit Tealet(core::Node* node) noexcept : TealetRef(node) {}

  // A block for the function of this stub; throws unless that can run now.
  void* take_block(std::size_t size) const;
  void give_block(void* block, std::size_t size) const noexcept;
  void* run_block(void* function, std::size_t size, core::Operate* operate, void* value);
  core::Node* hand_over() noexcept;
};

// A domain on this thread. Not movable; to be destroyed on its own thread and in its main tealet,
// that is where it was made. Destroying it ends every tealet still alive, parents before their
// children. One that was made in a tealet of another Main is closed when that tealet ends, and can
// be destroyed anywhere then.
class TEALET_API Main {
 public:
  struct Options {
    std::pmr::memory_resource* upstream = malloc_resource();
    // The most bytes to take from upstream at once; past it, MemoryError.
    std::size_t memory_limit = CountingAllocator::no_limit;
  };

  Main();
  explicit Main(const Options& options);  // MemoryError
  ~Main();
  Main(const Main&) = delete;
  Main& operator=(const Main&) = delete;

  // A new tealet for a function that takes an optional void* (what the first switch hands over) and
  // returns void* (delivered to the parent) or nothing. MemoryError; InvalidError or ThreadError if
  // this Main cannot be used here.
  template <class F>
  Tealet create(F function);

  // A tealet with a captured stack and no function yet, to be duplicated and run. Error with
  // Errc::stack_exhausted; otherwise as create().
  Tealet stub();

  // The main tealet itself: the execution that made this object.
  TealetRef self() const noexcept;
  // self().switch_to(value).
  TEALET_INLINE void* switch_to(void* value = nullptr) const;

  // The running tealet, and the one that switched to it; none if there is none, or it has ended.
  TealetRef current() const noexcept;
  TealetRef previous() const noexcept;

  Stats stats() const noexcept;
  // Both peaks become the current values.
  void reset_peak_stats() noexcept;
  // Gives kept blocks back to upstream; returns how many bytes.
  std::size_t trim() noexcept;
  // What all memory of this domain comes from. Lives as long as this object.
  CountingAllocator& memory() noexcept;

 private:
  core::Node* create_node(std::size_t extra);

  CxxDomain* domain_;
};

// --- how a callable is kept; nothing from here on is for users ---

namespace core {

// TealetRef::switch_to() and Main::switch_to(), but for throwing what arrives. They end in the
// switch: so they are not on the saved stack, and it returns straight to the program's own code.
TEALET_API tealetpp_switch_result switch_to(Node* target, void* value);
TEALET_API tealetpp_switch_result switch_to_main(CxxDomain& domain, void* value);
// Throws what `result` has instead of a value.
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

// The memory behind a node comes in such steps, and this is all that fits there.
inline constexpr std::size_t extra_unit = 8;
inline constexpr std::size_t largest_extra = extra_unit * UINT32_MAX;

// Where the function of a tealet lies, behind its node; and how it is to be used from now on.
TEALET_API void* extra_of(Node& node) noexcept;
TEALET_API void set_operate(Node& node, Operate* operate) noexcept;

}  // namespace core

inline void* TealetRef::switch_to(void* value) const {
  return core::value_of(core::switch_to(node_, value));
}

// Not through self(): a TealetRef on a stack that is given up would keep the main tealet's node.
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
  // Not on the caller's stack: what the stub has saved may lie in the same place.
  constexpr std::size_t size =
      (sizeof(F) + core::extra_unit - 1) / core::extra_unit * core::extra_unit;
  void* block = take_block(size);
  try {
    ::new (block) F(std::move(function));
  } catch (...) {
    give_block(block, size);
    throw;
  }
  return run_block(block, size, core::operate_on<F>, value);
}

}  // namespace tealet
