// PythonDomain: what the engine's domain needs to know, and keep, for Python.
#include <algorithm>
#include <utility>

#include "collector.hpp"
#include "errors.hpp"
#include "objects.hpp"

namespace tealetpp {

namespace {

std::size_t hash(const PyObject* function) {
  const auto code = reinterpret_cast<std::uintptr_t>(PyFunction_GET_CODE(function));
  return (code >> 6 ^ code >> 14) % 256;
}

}  // namespace

bool PythonDomain::check() const {
  if (!is_open()) {
    PyErr_Format(invalid_error, "the domain of %R is closed", main_object->object());
    return false;
  }
  // A thread that is gone may have had the same address, but never the same number.
  Errc code = Errc::thread;
  if (thread_state_id(PyThreadState_Get()) == thread_state) code = Domain::check();
  if (code != Errc::ok) {
    set_error(code, main_object);
  } else if (is_collecting(*this)) {
    PyErr_SetString(invalid_error,
                    "nothing can switch while the garbage collector runs on this thread");
    code = Errc::invalid;
  }
  return code == Errc::ok;
}

bool PythonDomain::check(TealetObject* target) const {
  if (!check()) return false;
  if (target->node() == nullptr) {
    PyErr_Format(invalid_error, "%R has ended", target->object());
    return false;
  }
  if (status(*target->node()) != Status::Defunct) return true;
  set_error(Errc::defunct, target);
  return false;
}

PythonDomain::~PythonDomain() { forget_after_collection(*this); }

void PythonDomain::keep(TealetObject* tealet) {
  try {
    kept_.push_back(tealet);
  } catch (...) {  // NOLINT(bugprone-empty-catch): its Main finds it in the tree, in the end
  }
  if (collecting_thread_state != 0) settle_after_collection(*this);
}

void PythonDomain::settle_kept() {
  if (adopting || collecting_thread_state == thread_state) return;
  // What ends may be the last to refer to the next, and so on: with the C stack used up, the rest
  // is for those who called this further up. Where the domain cannot be used, it stays.
  while (!kept_.empty() && check_room() == Errc::ok) {
    const std::vector<TealetObject*> kept = std::exchange(kept_, {});
    for (TealetObject* tealet : kept) {
      // With the last reference, unless somebody has found it again through the tree, it ends by
      // itself. In a cycle it does not.
      const bool ends = std::exchange(tealet->value.collected, false);
      if (!ends || end_unreachable(tealet)) Py_DECREF(tealet->object());
    }
    if (Domain::check() != Errc::ok || collecting_thread_state == thread_state) return;
  }
}

bool PythonDomain::make_data_stack(Execution& execution) {
  std::size_t words = frame_words(execution.function);
  if (words != 0) words += more_words_[hash(execution.function)];
  const std::size_t size = std::min(first_chunk_size(words), largest_first_chunk);
  void* block = memory().take(size);
  if (block == nullptr) return false;
  execution.data_stack = make_first_chunk(block, size);
  return true;
}

void PythonDomain::learn_words(const Execution& execution, std::size_t words) {
  const std::size_t own = frame_words(execution.function);
  if (own == 0) return;
  std::uint16_t& more = more_words_[hash(execution.function)];
  // The function's own frame may be gone already: what runs at its end needs data stack, too.
  const std::size_t beyond = words > own ? words - own : 0;
  const std::size_t needed = words != 0 ? beyond : std::max<std::size_t>(std::size_t{2} * more, 64);
  more = static_cast<std::uint16_t>(
      std::min(std::max<std::size_t>(more, needed), largest_first_chunk / sizeof(PyObject*)));
}

void PythonDomain::free_data_stack(Execution& execution) {
  _PyStackChunk* chunk = execution.data_stack;
  if (chunk == nullptr) return;
  execution.data_stack = nullptr;
  memory().give(chunk, chunk->size);
}

void PythonDomain::abandon_data_stack(Execution& execution) {
  if (_PyStackChunk* chunk = std::exchange(execution.data_stack, nullptr)) {
    memory().abandon(chunk, chunk->size);
  }
}

}  // namespace tealetpp
