// Tealets for C++: coroutines that can pause in the middle of any call, without a stack of their own.
//
//   tealet::Main main;
//   int n = 3;
//   tealet::Tealet countdown = main.create([&] {
//     for (; n > 0; --n) main.switch_to();   // pause here, go back to main
//   });
//   while (countdown.switch_to(), countdown) std::cout << n << '\n';
//
// All tealets of one Main run on the C stack of the thread that made it. While a tealet is paused its
// own variables may lie in a chunk on the heap with something else in their place: never give
// another tealet a pointer to them. Variables of the main tealet that are in scope where a tealet is
// created stay in place (`n` above), and so does everything on the heap. Errors:
// <tealet/error.hpp>. What it costs: Main::stats() and <tealet/stats.hpp>.
#pragma once

#include <tealet/allocator.hpp>
#include <tealet/error.hpp>
#include <tealet/stats.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace tealet {

enum class Status : std::uint8_t {
  New,        // has not begun
  Stub,       // has begun, and waits for a function
  Suspended,  // is paused
  Running,    // is the one that runs now
  Exited,     // has ended
  Defunct,    // cannot be resumed: its stack was given up when memory ran out
};

const char* describe(Status status) noexcept;

// Raised at the pause point of a tealet that is to end, so that destructors run. It is taken as a
// normal end. A function that catches everything must let this pass.
class Exit {};

namespace core {

class Domain;
struct Node;

// How an owner knows its tealet: `node` becomes nullptr when the tealet's node is freed, which may
// happen at its end, while its owner still exists.
struct Handle {
  Node* node = nullptr;
};

// A callable of any type, kept behind a node until the tealet ends.
struct Body {
  enum class Operation { invoke, destroy };
  // invoke: calls what follows this Body with `argument`. destroy: destroys it.
  void* (*operate)(Body& body, Operation operation, void* argument) = nullptr;
};

// A stub's: once it runs, the callable in a block of its own, since its node was made before.
struct StubBody : Body {
  Body* boxed = nullptr;

  void set(Body& box) noexcept {
    boxed = &box;
    operate = [](Body& body, Operation operation, void* argument) -> void* {
      Body& actual = *static_cast<StubBody&>(body).boxed;
      return actual.operate(actual, operation, argument);
    };
  }
};

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

}  // namespace core

class Main;

// Owns a tealet. Move-only; destroying it ends the tealet (see ~Tealet). An object that owns none,
// or whose tealet has ended, is Exited. It may be a variable of another tealet; a pointer to it, as
// from parent() or Main::current(), is then good only while that one runs.
class Tealet : private core::Handle {
 public:
  Tealet() noexcept = default;
  Tealet(Tealet&& other) noexcept;
  Tealet& operator=(Tealet&& other) noexcept;
  // Unwinds a paused tealet: Exit is raised at its pause point, destructors run, its memory is
  // returned. Another exception that leaves it then is lost; close() reports it. A tealet that
  // cannot be unwound now (it is the running one, it switches away instead of ending, memory is
  // short, or its domain cannot be used here) stays with its Main, which ends it when closed.
  ~Tealet();

  // Switches to this tealet. Begins it with `value` as its argument, or resumes it with `value` as
  // the result of the switch that paused it. Returns what the next switch to the caller brings.
  // Throws what this brings instead: an exception thrown into the caller, or one that left the
  // function of a tealet whose parent is the caller. InvalidError if it has ended, is a stub, or
  // belongs to another Main; DefunctError, ThreadError, MemoryError: nothing has switched then.
  void* switch_to(void* value = nullptr);

  // Resumes it by raising `exception` at its pause point. One that has not begun ends at once, and
  // its parent gets the exception. Otherwise as switch_to().
  void* throw_into(std::exception_ptr exception);

  // Begins a stub with a function that takes an optional void* and returns void* or nothing; the
  // function is destroyed when the tealet ends. Otherwise as switch_to().
  template <class F>
  void* run(F function, void* value = nullptr);

  // A second stub that shares this one's stack. InvalidError if it is not a stub: the objects on
  // the stack of anything else must not be destroyed twice.
  Tealet duplicate() const;

  // Ends it, and returns then: unwinds a paused tealet as ~Tealet does, but throws what went wrong.
  // On the running tealet it throws Exit. Does nothing if it has ended. Errc::refused if it
  // switched away instead of ending.
  void close();

  Status status() const noexcept;
  // Whether it has begun and not ended.
  explicit operator bool() const noexcept;
  // Bytes of its stack on the heap now; those of a shared stack count in full.
  std::size_t saved_bytes() const noexcept;
  // How deep its stack is, in bytes.
  std::size_t extent() const noexcept;

  // Who receives its result: at first the tealet that created it. nullptr if it has ended, is the
  // main tealet, or if its parent has no owner.
  Tealet* parent() const noexcept;
  // InvalidError if `parent` descends from this tealet, has ended or belongs to another Main.
  void set_parent(Tealet& parent);

 private:
  friend class Main;
  friend struct MainState;
  explicit Tealet(core::Node& owned) noexcept;

  // Where the function of this stub is to be kept; throws unless it can be run now.
  CountingAllocator& memory_to_run() const;
  void* run_boxed(core::Body& box, void* value);
  void give_up() noexcept;
};

// A domain on this thread. Not movable; to be destroyed on its own thread and in its main tealet,
// that is where it was made. Destroying it ends every tealet still alive. One that was made in a
// tealet of another Main is closed when that tealet ends, and can be destroyed anywhere then.
class Main {
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
  // returns void* (delivered to the parent) or nothing. MemoryError.
  template <class F>
  Tealet create(F function);

  // A tealet with a captured stack and no function yet, to be duplicated and run.
  Tealet stub();

  // The main tealet itself: the execution that made this object.
  Tealet& self() noexcept;
  // self().switch_to(value).
  void* switch_to(void* value = nullptr) { return self().switch_to(value); }

  // The running tealet, and the one that switched to it; nullptr for one without an owner.
  Tealet* current() noexcept;
  Tealet* previous() noexcept;

  Stats stats() const noexcept;
  void reset_peak_stats() noexcept;
  // Gives kept blocks back to upstream; returns how many bytes.
  std::size_t trim() noexcept;
  CountingAllocator& memory() noexcept;

 private:
  core::Node& create_node(std::size_t extra);

  std::unique_ptr<struct MainState> state_;
};

// --- templates ---

namespace core {

template <class F>
struct OwnedBody : Body {
  explicit OwnedBody(F&& from) : function(std::move(from)) {
    operate = [](Body& body, Operation operation, void* argument) -> void* {
      auto& self = static_cast<OwnedBody&>(body);
      if (operation == Operation::invoke) return call(self.function, argument);
      self.~OwnedBody();
      return nullptr;
    };
  }
  F function;
};

// Not on the stack of whoever runs the stub: the stub may run where that stack was.
template <class F>
struct BoxedBody : OwnedBody<F> {
  // Multiples of 16, as everything that the engine takes.
  static constexpr std::size_t size = (sizeof(OwnedBody<F>) + sizeof(void*) + 15) / 16 * 16;

  BoxedBody(CountingAllocator& home, F&& from) : OwnedBody<F>(std::move(from)), memory(&home) {
    this->operate = [](Body& body, Body::Operation operation, void* argument) -> void* {
      auto& self = static_cast<BoxedBody&>(body);
      if (operation == Body::Operation::invoke) return call(self.function, argument);
      CountingAllocator& allocator = *self.memory;
      self.~BoxedBody();
      allocator.give(&self, size);
      return nullptr;
    };
  }
  static BoxedBody& make(CountingAllocator& home, F&& function) {
    static_assert(alignof(BoxedBody) <= 16, "the callable must not be over-aligned");
    static_assert(sizeof(BoxedBody) <= size);
    void* block = home.take(size);
    if (block == nullptr) throw MemoryError();
    try {
      return *::new (block) BoxedBody(home, std::move(function));
    } catch (...) {
      home.give(block, size);
      throw;
    }
  }
  CountingAllocator* memory;
};

inline constexpr std::size_t largest_extra = std::size_t{16} * UINT16_MAX;

void* extra_of(Node& node) noexcept;

}  // namespace core

template <class F>
Tealet Main::create(F function) {
  using Body = core::OwnedBody<F>;
  static_assert(alignof(Body) <= 16, "the callable must not be over-aligned");
  static_assert(sizeof(Body) <= core::largest_extra, "the callable is too large");
  core::Node& node = create_node(sizeof(Body));
  Tealet tealet(node);
  ::new (core::extra_of(node)) Body(std::move(function));
  return tealet;
}

template <class F>
void* Tealet::run(F function, void* value) {
  return run_boxed(core::BoxedBody<F>::make(memory_to_run(), std::move(function)), value);
}

}  // namespace tealet
