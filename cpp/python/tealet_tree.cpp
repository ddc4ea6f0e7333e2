#include "python/tealet_tree.hpp"

#include "python/python_domain.hpp"
#include "python/without_collections.hpp"

namespace tealetpp {

PyObject* tealets_of(const Tealet& main) {
  if (main.domain == nullptr || !main.domain->is_open()) return PyList_New(0);
  // Making the list must run no code: that could change the tree between the two walks.
  const WithoutCollections in_this_scope;
  Node* const root = &main.domain->main();
  Py_ssize_t count = 0;
  for (Node* node = root; node != nullptr; node = node->next_in_tree()) count += has_object(*node);
  PyObject* const list = PyList_New(count);
  if (list == nullptr) return nullptr;
  Py_ssize_t filled = 0;
  for (Node* node = root; node != nullptr; node = node->next_in_tree()) {
    if (!has_object(*node)) continue;
    PyList_SET_ITEM(list, filled++, Py_NewRef(tealet_of(*node)->object));
  }
  return list;
}

}  // namespace tealetpp
