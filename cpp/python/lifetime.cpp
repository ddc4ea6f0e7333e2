// How Python tealets and their domains come to be, and how they end.
#include <new>
#include <utility>

#include "errors.hpp"
#include "objects.hpp"

namespace tealetpp {

TealetObject* new_object() {
  PyObject* object = tealet_type->tp_alloc(tealet_type, 0);
  if (object == nullptr) return nullptr;
  TealetObject* tealet = as_tealet(object);
  tealet->base.simple_layout = true;
  tealet->base.simple_value_holder[0] = &tealet->value;
  return tealet;
}

PyObject* bind(TealetObject* tealet, PythonDomain& domain, Node& node) {
  tealet->value.node = &node;
  tealet->value.domain = &domain;
  tealet->value.main = domain.main_object;
  Py_INCREF(domain.main_object->object());
  tealet->value.parent = object_of(*node.parent);
  hold(tealet->value.parent);
  node.held_by = tealet;
  return tealet->object();
}

void discard_tealet(TealetObject* tealet) {
  Execution& execution = execution_of(*tealet->node());
  PyObject* function = std::exchange(execution.function, nullptr);
  PyObject* context = std::exchange(execution.context, nullptr);
  tealet->domain().discard(*tealet->node());
  Py_XDECREF(function);
  Py_XDECREF(context);
  tealet->domain().settle();
}

bool close_tealet(TealetObject* tealet) {
  PythonDomain& domain = tealet->domain();
  if (tealet->node() == nullptr) return true;
  if (!domain.check()) return false;
  if (tealet->is_main()) return close_domain(tealet);
  Node& node = *tealet->node();
  if (&node == &domain.current()) {
    PyErr_SetNone(tealet_exit);
    return false;
  }
  if (domain.status(node) != Status::Suspended) {
    discard_tealet(tealet);
    return true;
  }
  Py_INCREF(tealet->object());
  PyObject* result = nullptr;
  const Errc code = unwind(tealet, result);
  bool closed = result != nullptr;
  Py_XDECREF(result);
  if (code != Errc::ok) {
    set_error(code, tealet);
  } else if (tealet->node() != nullptr) {
    tealet->value.exiting = 0;
    if (closed) set_error(Errc::refused, tealet);
    closed = false;
  }
  Py_DECREF(tealet->object());
  domain.settle();
  return closed;
}

bool end_unreachable(TealetObject* tealet) {
  PythonDomain& domain = tealet->domain();
  if (!domain.adopting && tealet->node() == nullptr) return true;
  PyObject* raised = take_raised();
  bool ended = false;
  if (domain.adopting) {
    domain.keep(tealet);
  } else if (&domain.current() == tealet->node()) {
    ended = true;  // reachable after all: it runs
  } else if (domain.status(*tealet->node()) != Status::Suspended) {
    discard_tealet(tealet);
    ended = true;
  } else if (!domain.check()) {
    PyErr_Clear();
    domain.keep(tealet);
  } else {
    if (!close_tealet(tealet)) PyErr_WriteUnraisable(tealet->object());
    ended = tealet->node() == nullptr;
    tealet->value.orphan = !ended;
  }
  set_raised(raised);
  return ended;
}

bool open_domain(TealetObject* main, std::size_t limit) {
  auto* domain = new (std::nothrow) PythonDomain(limit);
  if (domain == nullptr || domain->open(sizeof(Execution)) != Errc::ok) {
    delete domain;
    PyErr_NoMemory();
    return false;
  }
  domain->thread_state = thread_state_id(PyThreadState_Get());
  domain->main_object = domain->current_object = main;
  domain->main().held_by = main;
  main->value.node = &domain->main();
  main->value.domain = domain;
  main->value.main = main;
  return true;
}

bool close_domain(TealetObject* main) {
  PythonDomain& domain = main->domain();
  if (!domain.is_open()) return true;
  if (!domain.check()) return false;
  if (!domain.current().is_main()) {
    PyErr_Format(invalid_error, "%R can be closed by its main tealet only, not by %R",
                 main->object(), domain.current_object->object());
    return false;
  }
  if (domain.closing) {
    PyErr_Format(invalid_error, "%R is being closed already", main->object());
    return false;
  }
  domain.closing = true;
  domain.memory().set_limit(tealet::CountingAllocator::no_limit);
  PyObject* raised = nullptr;
  // On from the parent of the last one, since the way from the top may be long.
  TealetObject* above = main;
  Py_INCREF(above->object());
  while (domain.main().first_child != nullptr) {
    Node& top = above->node() != nullptr ? *above->node() : domain.main();
    TealetObject* tealet = object_of(domain.newest_leaf(top));
    Py_INCREF(tealet->object());
    Py_INCREF(tealet->value.parent->object());
    Py_DECREF(std::exchange(above, tealet->value.parent)->object());
    if (!close_tealet(tealet)) {
      if (raised == nullptr) {
        raised = take_raised();
      } else {
        PyErr_WriteUnraisable(tealet->object());
      }
    }
    // Asked once. What its frames hold is lost, as for anybody who refuses to end.
    if (tealet->node() != nullptr) discard_tealet(tealet);
    if (std::exchange(tealet->value.orphan, false)) Py_DECREF(tealet->object());
    Py_DECREF(tealet->object());
  }
  Py_DECREF(above->object());
  domain.settle();
  domain.close();
  set_raised(raised);
  return raised == nullptr;
}

}  // namespace tealetpp
