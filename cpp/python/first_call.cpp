#include "python/first_call.hpp"

#include <algorithm>
#include <iterator>

#include "python/callable_layers.hpp"
#include "python/type_name.hpp"
#include "python/without_collections.hpp"

namespace tealetpp {

namespace {

// Whether a call of the partial only puts its arguments in front. Since CPython 3.14, Placeholder
// among them stands for an argument of the call.
bool only_puts_in_front(const Partial& partial) noexcept {
  if (partial.arguments == nullptr || !PyTuple_CheckExact(partial.arguments)) return false;
  if (partial.keywords == nullptr || !PyDict_CheckExact(partial.keywords)) return false;
  if (PyDict_GET_SIZE(partial.keywords) != 0) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(partial.arguments); ++i) {
    const PyObject* const argument = PyTuple_GET_ITEM(partial.arguments, i);
    if (type_named("functools._PlaceholderType", argument) != nullptr) return false;
  }
  return true;
}

// The function that is called with the object first, if the class of `object` defines __call__() in
// Python. A type that takes vectorcalls need not call it.
PyObject* python_call_of(PyObject* object) {
  if ((Py_TYPE(object)->tp_flags & Py_TPFLAGS_HAVE_VECTORCALL) != 0) return nullptr;
  PyObject* const call = call_attribute(object);
  return call != nullptr && PyFunction_Check(call) ? call : nullptr;
}

}  // namespace

DirectCall::DirectCall(PyObject* callable) {
  while (callable != nullptr && !PyFunction_Check(callable)) callable = look_through(callable);
  function_ = callable;
  if (function_ == nullptr) leading_count_ = layer_count_ = 0;
}

// What `callable` calls, with the arguments of the layer before its own. nullptr if a call of it
// may do anything else.
PyObject* DirectCall::look_through(PyObject* callable) {
  if (PyMethod_Check(callable)) {
    return add(PyMethod_GET_FUNCTION(callable), {PyMethod_GET_SELF(callable), nullptr}, 1);
  }
  if (PyObject* const call = python_call_of(callable)) return add(call, {callable, nullptr}, 1);
  const Partial partial = partial_in(callable);
  if (partial.function == nullptr || !only_puts_in_front(partial)) return nullptr;
  return add(partial.function, {nullptr, partial.arguments}, PyTuple_GET_SIZE(partial.arguments));
}

PyObject* DirectCall::add(PyObject* called, Layer layer, Py_ssize_t count) noexcept {
  if (layer_count_ == most) return nullptr;
  layers_[layer_count_++] = layer;
  leading_count_ += count;
  return called;
}

void DirectCall::copy_leading(PyObject** to) const noexcept {
  for (int i = layer_count_ - 1; i >= 0; --i) {
    const Layer& layer = layers_[i];
    if (layer.object != nullptr) {
      *to++ = layer.object;
      continue;
    }
    for (Py_ssize_t j = 0; j < PyTuple_GET_SIZE(layer.tuple); ++j) {
      *to++ = PyTuple_GET_ITEM(layer.tuple, j);
    }
  }
}

bool borrow_call(Call& call, ArgumentSpace& space, PyObject* callable, PyObject* const* arguments,
                 Py_ssize_t count) {
  const DirectCall direct(callable);
  const Py_ssize_t leading = direct.leading_count();
  if (direct.function() == nullptr) return false;
  if (leading + count > static_cast<Py_ssize_t>(std::size(space))) return false;
  direct.copy_leading(space);
  std::copy_n(arguments, count, space + leading);
  call = Call{direct.function(), space, leading + count, nullptr};
  return true;
}

PyObject* copy_call(Call& call, PyObject* callable, PyObject* const* arguments, Py_ssize_t count,
                    PyObject* keywords) {
  const WithoutCollections in_this_scope;  // they could change what `direct` borrows
  const DirectCall direct(callable);
  const Py_ssize_t leading = direct.leading_count();
  const Py_ssize_t named = keywords != nullptr ? PyTuple_GET_SIZE(keywords) : 0;
  // After the arguments, what the tuple only keeps alive.
  const Py_ssize_t all = leading + count + named;
  PyObject* const tuple = PyTuple_New(all + 1 + (keywords != nullptr));
  if (tuple == nullptr) return nullptr;
  call.function = direct.function() != nullptr ? direct.function() : callable;
  call.arguments = &PyTuple_GET_ITEM(tuple, 0);
  call.count = leading + count;
  call.keywords = keywords;
  PyObject** next = &PyTuple_GET_ITEM(tuple, 0);
  direct.copy_leading(next);
  next += leading;
  next = std::copy_n(arguments, count + named, next);
  *next++ = call.function;
  if (keywords != nullptr) *next = keywords;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) Py_INCREF(PyTuple_GET_ITEM(tuple, i));
  return tuple;
}

}  // namespace tealetpp
