#include "python/tealet_collection.hpp"

#include "python/guarded.hpp"
#include "python/python_domain.hpp"
#include "python/tealet_type.hpp"

namespace tealetpp {

int tealet_traverse(PyObject* self, visitproc visit, void* arg) {
  const Tealet* tealet = as_tealet(self);
  Py_VISIT(Py_TYPE(self));
  if (tealet->domain == nullptr) return 0;
  if (!tealet->is_main()) Py_VISIT(main_object_of(tealet));
  // Main tealets are not counted as parents: every tealet owns a reference to its own.
  Tealet* parent = tealet->parent;
  if (parent != nullptr && !parent->is_main()) Py_VISIT(parent->object);
  if (tealet->node == nullptr) return 0;
  // The paused frames of a main tealet belong to its callers.
  if (tealet->is_main()) return 0;
  // Assigning to __class__ may have given it a __del__, which replaces tealet_finalize(). Then the
  // collector must not find it, or it would clear what the paused frames use.
  if (Py_TYPE(self)->tp_finalize != static_cast<destructor>(guarded<tealet_finalize>)) return 0;
  return visit_execution(execution_of(*tealet->node), visit, arg);
}

// For a new tealet whose function refers to it. A paused one has ended by now: tealet_finalize().
int tealet_clear(PyObject* self) {
  const Tealet* tealet = as_tealet(self);
  if (tealet->node != nullptr && tealet->node->status == Status::New) {
    Py_CLEAR(execution_of(*tealet->node).function);
  }
  return 0;
}

// The collector is about to break a cycle with this tealet, on any thread. It must not: the paused
// stack may borrow anything in reach. So the domain holds the tealet and ends it at the next safe
// point, which frees the cycle. This repeats at each collection until it has ended.
void tealet_finalize(PyObject* self) {
  Tealet* tealet = as_tealet(self);
  allow_finalizing_again(self);
  if (tealet->domain == nullptr || tealet->node == nullptr || tealet->is_main()) return;
  PythonDomain& domain = *tealet->domain;
  if (tealet->node->status != Status::Suspended) return;
  domain.end_later(tealet);
}

}  // namespace tealetpp
