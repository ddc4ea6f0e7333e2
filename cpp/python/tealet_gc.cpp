#include "python/tealet_gc.hpp"

#include "python/guarded.hpp"
#include "python/python_domain.hpp"
#include "python/tealet_dict.hpp"
#include "python/tealet_type.hpp"

namespace tealetpp {

int tealet_traverse(PyObject* self, visitproc visit, void* arg) {
  const Tealet* tealet = as_tealet(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(attributes_of(self));
  if (tealet->domain == nullptr) return 0;
  if (!tealet->is_main()) Py_VISIT(main_object_of(tealet));
  // A tealet owns a reference to its parent, unless that is a main tealet: see refer().
  Tealet* parent = tealet->parent;
  if (parent != nullptr && !parent->is_main()) Py_VISIT(parent->object);
  if (tealet->node == nullptr) return 0;
  // The paused frames of a main tealet belong to its callers.
  if (tealet->is_main()) return 0;
  // Assigning to __class__ may have given it a __del__, which replaces tealet_finalize(). Then the
  // frames are not shown: the collector would clear objects that they still use.
  if (Py_TYPE(self)->tp_finalize != static_cast<destructor>(guarded<tealet_finalize>)) return 0;
  return visit_execution(execution_of(*tealet->node), visit, arg);
}

// Breaks the cycle of a new tealet whose function refers to it, and cycles through attributes. A
// paused tealet gets here only with a __del__ that replaces tealet_finalize(). Nothing that it
// reaches may be cleared.
int tealet_clear(PyObject* self) {
  const Tealet* tealet = as_tealet(self);
  const Node* const node = tealet->node;
  if (node != nullptr && node->status == Status::Suspended && !tealet->is_main()) return 0;
  if (node != nullptr && node->status == Status::New) {
    Py_CLEAR(execution_of(*tealet->node).function);
  }
  drop_attributes(self);
  return 0;
}

// The collector, on any thread, has found a cycle with this tealet and is about to clear it. It
// must not: frames and C functions on the paused stack may have borrowed references to any object
// of the cycle. So the domain takes a reference, and ends the tealet at the next safe point, which
// breaks the cycle. This repeats at each collection until the tealet has ended.
void tealet_finalize(PyObject* self) {
  Tealet* tealet = as_tealet(self);
  allow_finalizing_again(self);
  if (tealet->domain == nullptr || tealet->node == nullptr || tealet->is_main()) return;
  PythonDomain& domain = *tealet->domain;
  if (tealet->node->status != Status::Suspended) return;
  domain.end_later(tealet);
}

}  // namespace tealetpp
