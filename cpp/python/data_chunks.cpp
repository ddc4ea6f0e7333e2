#include "python/data_chunks.hpp"

#include <cstdint>
#include <cstdlib>

#include "core/check.hpp"
#include "core/thread_context.hpp"
#include "core/without_limit.hpp"
#include "python/called_function.hpp"
#include "python/census.hpp"
#include "python/chunk_extension.hpp"
#include "python/exceptions.hpp"
#include "python/python_domain.hpp"

namespace tealetpp {

alignas(16) DataStackChunk bottom_chunk = make_bottom_chunk();  // never taken for one of ours
std::size_t open_chunks = 0;

namespace {

PyObjectArenaAllocator original;

// In front of each further chunk. A chunk lies 8 bytes beyond a multiple of 16. For a pointer like
// that, whoever it belongs to, the 8 bytes in front of it can be read: pages begin elsewhere.
struct Header {
  std::size_t bytes;     // of the block, which begins with this
  std::uint64_t domain;  // number of the domain that it belongs to
  std::uintptr_t mark;   // see mark_of()
};
static_assert(sizeof(Header) % 16 == 8);

enum class State : std::uintptr_t { open = 1, cut = 2 };

// What a header has as its mark. No other memory has it: it depends on the address of the chunk and
// on that of this copy of the code. It is erased when the chunk is freed.
std::uintptr_t mark_of(const void* chunk, State state) noexcept {
  // Both addresses are multiples of 8, so the last bits tell the states apart.
  return ~(reinterpret_cast<std::uintptr_t>(chunk) ^ reinterpret_cast<std::uintptr_t>(&original)) ^
         static_cast<std::uintptr_t>(state);
}

Header* header_of(const void* chunk) noexcept {
  return static_cast<Header*>(const_cast<void*>(chunk)) - 1;
}

bool has_state(const void* chunk, State state) noexcept {
  return reinterpret_cast<std::uintptr_t>(chunk) % 16 == 8 &&
         header_of(chunk)->mark == mark_of(chunk, state);
}

bool is_ours(const void* chunk) noexcept {
  return has_state(chunk, State::open) || has_state(chunk, State::cut);
}

std::size_t block_size(std::size_t chunk_size) noexcept {
  return (sizeof(Header) + chunk_size + 15) / 16 * 16;
}

PythonDomain* domain_of(const Node* node) noexcept {
  tealet::core::Domain* const domain = node != nullptr ? node->domain() : nullptr;
  return domain != nullptr && domain->knows_running() ? static_cast<PythonDomain*>(domain)
                                                      : nullptr;
}

// The domain of the tealet that runs; nullptr if none does, or if another library has switched away
// from it.
PythonDomain* running_domain() noexcept {
  PythonDomain* const domain = domain_of(tealet::core::running_tealet);
  if (domain == nullptr) return nullptr;
  const PyThreadState* const thread = PyThreadState_Get();
  const bool runs = outermost_handled(thread) == handled_by(thread, *tealet::core::running_tealet);
  return runs ? domain : nullptr;
}

// The domain with this number; nullptr if it does not exist any more.
PythonDomain* domain_with(std::uint64_t number) noexcept {
  PythonDomain* const running = domain_of(tealet::core::running_tealet);
  return running != nullptr && running->number == number ? running : find_domain(number);
}

bool is_within_limit(const tealet::CountingAllocator& memory) noexcept {
  return memory.bytes_from_upstream() <= memory.limit();
}

// A block past the limit of the domain whose tealet runs; nullptr with MemoryError if the call can
// be refused. If not, the next pause is refused: see cut_open_chunks().
TEALETPP_NOINLINE TEALETPP_COLD void* allocate_past_limit(PythonDomain& domain, std::size_t bytes) {
  // A tealet that is being closed must unwind, and a tool must not fail in the tealet's place.
  const bool is_exempt = domain.current_tealet->exiting != 0 || PyThreadState_Get()->tracing != 0;
  if (is_exempt || !calls_can_be_refused) {
    const tealet::core::WithoutLimit lifted(domain.memory(), true);
    if (void* const block = domain.memory().try_allocate_large(bytes)) return block;
  }
  set_error(Errc::memory, domain.current_tealet);
  return nullptr;
}

void* take(void*, std::size_t size) {
  PythonDomain* const domain = is_chunk_size(size) ? running_domain() : nullptr;
  if (domain == nullptr) return original.alloc(original.ctx, size);
  const std::size_t bytes = block_size(size);
  void* block = domain->memory().try_allocate_large(bytes);
  if (TEALET_UNLIKELY(block == nullptr)) block = allocate_past_limit(*domain, bytes);
  if (TEALET_UNLIKELY(block == nullptr)) return nullptr;
  domain->totals().data_stack_grown(bytes);
  ++open_chunks;
  auto* const header = static_cast<Header*>(block);
  void* const chunk = header + 1;
  *header = {bytes, domain->number, mark_of(chunk, State::open)};
  return chunk;
}

void free_further(void* chunk) {
  Header* const header = header_of(chunk);
  if (has_state(chunk, State::open)) --open_chunks;
  header->mark = 0;
  PythonDomain* const domain = domain_with(header->domain);
  if (domain == nullptr) {
    std::free(header);  // all Python domains use malloc_resource()
    return;
  }
  const std::size_t bytes = header->bytes;
  domain->totals().data_stack_freed(bytes);
  tealet::CountingAllocator& memory = domain->memory();
  memory.deallocate_large(header, bytes);
  // A cached block would be used again in spite of the limit.
  if (TEALET_UNLIKELY(!is_within_limit(memory))) memory.trim();
}

// Whether it is the first chunk of a tealet's data stack, or the first one that was cut. CPython
// makes no chunk of that size.
bool is_small_and_lowest(const DataStackChunk* chunk, std::size_t size) noexcept {
  return size < usual_chunk_size && previous_chunk(chunk) == &bottom_chunk;
}

bool is_first(const DataStackChunk* chunk) noexcept {
  return is_small_and_lowest(chunk, size_of_chunk(chunk)) && !is_ours(chunk);
}

void free_first(DataStackChunk* chunk) {
  Owner* const block = block_of_first(chunk);
  PythonDomain* const domain = domain_with(*block);
  if (domain == nullptr) {
    std::free(block);  // as in free_further()
    return;
  }
  const std::size_t bytes = block_size_of_first(size_of_chunk(chunk));
  domain->totals().data_stack_freed(bytes);
  domain->memory().deallocate(block, bytes);
}

// How often the same frame has called a function that needed a chunk, in a row.
class Caller {
 public:
  // Whether it is time to extend the chunk of that frame.
  bool calls_again(const PyObject* const* end_of_frame) noexcept {
    if (end_of_frame != end_of_frame_) {
      end_of_frame_ = end_of_frame;
      calls_ = 0;
    }
    return ++calls_ > calls_without;
  }
  void was_extended(bool is_extended) noexcept { calls_ = is_extended ? 0 : -calls_until_next_try; }

 private:
  // To begin and to end an extension takes as long as a few calls without it.
  static constexpr int calls_without = 8;
  static constexpr int calls_until_next_try = 1000;

  const PyObject* const* end_of_frame_ = nullptr;
  int calls_ = 0;
};

Caller latest_caller;

TEALETPP_NOINLINE TEALETPP_COLD bool extend_with(DataStackChunk* chunk) {
  DataStackChunk* const full = previous_chunk(chunk);
  PythonDomain* const domain = domain_of(tealet::core::running_tealet);
  PyThreadState* const thread = thread_state_or_null();
  PyObjectArenaAllocator arenas;
  PyObject_GetArenaAllocator(&arenas);
  // Another allocator above ours would not know the stand-in.
  return domain != nullptr && domain->number == header_of(chunk)->domain && thread != nullptr &&
         arenas.alloc == take && is_within_limit(domain->memory()) &&
         Extension::of(full) == nullptr && (has_state(full, State::cut) || is_first(full)) &&
         Extension::begin(thread, chunk);
}

// Whether the open chunk that CPython frees remains for the next calls.
bool remains(DataStackChunk* chunk) {
  DataStackChunk* const previous = previous_chunk(chunk);
  if (previous == nullptr || !latest_caller.calls_again(end_of_frames(previous))) return false;
  const bool is_extended = extend_with(chunk);
  latest_caller.was_extended(is_extended);
  return is_extended;
}

TEALETPP_NOINLINE void end_extension(Extension* extension, DataStackChunk* newest) {
  const bool has_stand_in = extension->has_stand_in();
  free_further(extension->end_at_return());
  if (has_stand_in) return;
  if (is_ours(newest)) {
    free_further(newest);
  } else {
    free_first(newest);
  }
}

void give(void*, void* block, std::size_t size) {
  auto* const chunk = static_cast<DataStackChunk*>(block);
  if (TEALET_UNLIKELY(extensions != nullptr)) {
    if (Extension* const extension = Extension::of(block)) {
      end_extension(extension, chunk);
      return;
    }
  }
  if (has_state(chunk, State::open)) {
    if (!remains(chunk)) free_further(chunk);
  } else if (has_state(chunk, State::cut)) {
    free_further(chunk);
  } else if (is_small_and_lowest(chunk, size)) {
    free_first(chunk);
  } else if (chunk != &bottom_chunk) {  // a thread ends in the middle of a tealet
    original.free(original.ctx, block, size);
  }
}

// `end`: where its frames end.
void cut(DataStackChunk* chunk, PyObject* const* end) {
  Header* const header = header_of(chunk);
  header->mark = mark_of(chunk, State::cut);
  --open_chunks;
  const auto used = static_cast<std::size_t>(reinterpret_cast<const char*>(end) -
                                             reinterpret_cast<const char*>(chunk));
  const std::size_t bytes = block_size(used);
  PythonDomain* const domain = domain_with(header->domain);
  if (domain == nullptr || bytes >= header->bytes) return;
  if (!domain->memory().try_shrink(header, header->bytes, bytes)) return;
  domain->totals().data_stack_freed(header->bytes - bytes);
  header->bytes = bytes;
  set_size_of_chunk(chunk, bytes - sizeof(Header));
}

void end_extension_at_pause(PyThreadState* thread) {
  DataStackChunk* oldest = nullptr;
  DataStackChunk* chunk = newest_chunk(thread);
  while (chunk != nullptr && has_state(chunk, State::open)) {
    oldest = chunk;
    chunk = previous_chunk(chunk);
  }
  Extension* const extension = chunk != nullptr ? Extension::of(chunk) : nullptr;
  if (extension == nullptr) return;
  DataStackChunk* const unused = extension->end_at_pause(thread, oldest);
  if (unused != nullptr) free_further(unused);
}

}  // namespace

bool cut_open_chunks_slow(PyThreadState* thread) {
  if (extensions != nullptr) end_extension_at_pause(thread);
  DataStackChunk* chunk = newest_chunk(thread);
  PyObject* const* end = end_of_newest_frame(thread);
  while (chunk != nullptr && has_state(chunk, State::open)) {
    cut(chunk, end);
    chunk = previous_chunk(chunk);
    if (chunk != nullptr) end = end_of_frames(chunk);
  }
  // Code may run before the pause, or there may be none.
  use_data_stack(thread, newest_chunk(thread), end_of_newest_frame(thread));
  PythonDomain* const running = domain_of(tealet::core::running_tealet);
  if (running == nullptr || is_within_limit(running->memory())) return true;
  running->memory().trim();
  return is_within_limit(running->memory());
}

bool make_data_stack(PythonDomain& domain, Execution& execution) {
  TEALETPP_CHECK(execution.data_stack == nullptr);
  std::size_t size = first_block_size(frame_words(called_function(execution.function)));
  if (size >= usual_chunk_size) size = first_block_size(0);  // is_first() asks for the size
  void* const block = domain.memory().try_allocate(size);
  if (block == nullptr) return false;
  domain.totals().data_stack_made(size);
  execution.data_stack = make_first_chunk(block, size, domain.number);
  return true;
}

void free_data_stack(DataStackChunk* newest) {
  PyObjectArenaAllocator arenas;
  while (newest != nullptr && newest != &bottom_chunk) {
    DataStackChunk* const chunk = newest;
    newest = previous_chunk(chunk);
    TEALETPP_CHECK(Extension::of(chunk) == nullptr);
    if (is_ours(chunk)) {
      free_further(chunk);
    } else if (is_first(chunk)) {
      free_first(chunk);
    } else {
      PyObject_GetArenaAllocator(&arenas);
      arenas.free(arenas.ctx, chunk, size_of_chunk(chunk));
    }
  }
}

std::size_t data_stack_bytes(DataStackChunk* newest, const PythonDomain& domain) {
  std::size_t bytes = 0;
  const auto add_further = [&](const DataStackChunk* chunk) {
    if (header_of(chunk)->domain == domain.number) bytes += header_of(chunk)->bytes;
  };
  for (; newest != nullptr && newest != &bottom_chunk; newest = previous_chunk(newest)) {
    if (const Extension* const extension = Extension::of(newest)) add_further(extension->open());
    const std::size_t size = Extension::size_without(newest);
    if (is_ours(newest)) {
      add_further(newest);
    } else if (is_small_and_lowest(newest, size) && *block_of_first(newest) == domain.number) {
      bytes += block_size_of_first(size);
    }
  }
  return bytes;
}

void install_data_chunks() noexcept {
  PyObjectArenaAllocator now;
  PyObject_GetArenaAllocator(&now);
  if (now.alloc == take) return;
  original = now;
  PyObjectArenaAllocator ours{nullptr, take, give};
  PyObject_SetArenaAllocator(&ours);
}

}  // namespace tealetpp
