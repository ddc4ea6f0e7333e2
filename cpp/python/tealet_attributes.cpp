#include "python/tealet_attributes.hpp"

#include "python/error_types.hpp"
#include "python/frame_object.hpp"
#include "python/guarded.hpp"
#include "python/python_domain.hpp"
#include "python/status_type.hpp"
#include "python/tealet_dict.hpp"
#include "python/tealet_name.hpp"
#include "python/tealet_type.hpp"

namespace tealetpp {

PyObject* get_parent(PyObject* self, void*) {
  const Tealet* parent = as_tealet(self)->parent;
  return Py_NewRef(parent != nullptr ? parent->object : Py_None);
}

PyObject* get_main(PyObject* self, void*) {
  const Tealet* tealet = as_tealet(self);
  return Py_NewRef(tealet->domain != nullptr ? main_object_of(tealet) : Py_None);
}

Status status_of(const Tealet& tealet) noexcept {
  return tealet.node == nullptr ? Status::Exited : tealet.node->status;
}

bool can_be_parent(PythonDomain& domain, Tealet* parent) {
  if (parent->domain == nullptr || parent->node == nullptr) {
    PyErr_Format(tealet_hooks.invalid_error, "%R has ended and cannot be a parent", parent->object);
    return false;
  }
  if (parent->domain != &domain) {
    PyErr_Format(tealet_hooks.invalid_error, "%R belongs to %R, not to %R", parent->object,
                 main_object_of(parent), domain.main_tealet->object);
    return false;
  }
  if (parent->node->status != Status::Stub) return true;
  PyErr_Format(tealet_hooks.invalid_error, "%R is a stub and cannot be a parent", parent->object);
  return false;
}

namespace {

int set_parent(PyObject* self, PyObject* value, void*) {
  Tealet* tealet = as_tealet(self);
  if (value == nullptr) {
    PyErr_Format(PyExc_TypeError, "the parent of %R cannot be deleted", self);
    return -1;
  }
  if (!PyObject_TypeCheck(value, tealet_type)) {
    PyErr_Format(PyExc_TypeError, "a parent must be a tealet, not %R", value);
    return -1;
  }
  Tealet* parent = as_tealet(value);
  if (!is_usable(tealet) || !can_be_parent(*tealet->domain, parent)) return -1;
  if (tealet->is_main()) {
    PyErr_Format(tealet_hooks.invalid_error, "%R is a main tealet and has no parent", self);
    return -1;
  }
  if (tealet->domain->set_parent(*tealet->node, *parent->node) != Errc::ok) {
    PyErr_Format(tealet_hooks.invalid_error, "%R cannot be the parent of %R: it descends from it",
                 value, self);
    return -1;
  }
  tealet->domain->end_pending_and_report();
  return 0;
}

PyObject* get_status(PyObject* self, void*) { return to_python(status_of(*as_tealet(self))); }

PyObject* get_saved_bytes(PyObject* self, void*) {
  const Tealet* tealet = as_tealet(self);
  const Node* node = tealet->node;
  return PyLong_FromSize_t(node != nullptr ? tealet->domain->saved_bytes(*node) : 0);
}

PyObject* get_extent(PyObject* self, void*) {
  const Tealet* tealet = as_tealet(self);
  const Node* node = tealet->node;
  return PyLong_FromSize_t(node != nullptr ? tealet->domain->extent(*node) : 0);
}

PyObject* get_function(PyObject* self, void*) {
  PyObject* const function = function_of(*as_tealet(self));
  return Py_NewRef(function != nullptr ? function : Py_None);
}

PyObject* get_name(PyObject* self, void*) { return name_of(self); }

int set_name(PyObject* self, PyObject* name, void*) {
  if (name != nullptr && !is_name(name)) return -1;
  return give_name(self, name) ? 0 : -1;
}

PyObject* get_frame(PyObject* self, void*) {
  const Tealet* tealet = as_tealet(self);
  if (tealet->node == nullptr) Py_RETURN_NONE;
  return paused_frame_object(*tealet->node);
}

}  // namespace

PyGetSetDef tealet_attributes[] = {
    {"status", guarded<get_status>, nullptr, "What it is doing now: a Status.", nullptr},
    {"saved_bytes", guarded<get_saved_bytes>, nullptr,
     "Bytes of its stack on the heap now; those of a shared stack count in full.", nullptr},
    {"extent", guarded<get_extent>, nullptr,
     "How deep its stack is, in bytes: from where it paused, or is now, to where it began.",
     nullptr},
    {"parent", guarded<get_parent>, guarded<set_parent>,
     "The tealet that receives this one's result; at first the one that created it. None for a\n"
     "main tealet and for one that has ended. Setting it raises InvalidError if the new parent\n"
     "descends from this tealet, has ended, is a stub, or belongs to another domain.",
     nullptr},
    {"function", guarded<get_function>, nullptr,
     "The callable that it runs or will run. None for a main tealet, for one that has no function\n"
     "yet, and for one that has ended.",
     nullptr},
    {"name", guarded<get_name>, guarded<set_name>,
     "Its name, a str. By default that is the qualified name of its function; of a main tealet\n"
     "\"main\"; None without a function. Deleting it brings the default back.",
     nullptr},
    {"frame", guarded<get_frame>, nullptr,
     "The frame in which it is paused; None if it is not paused, or has no Python frame. f_back\n"
     "leads to the first frame of the tealet. It can be kept while the tealet goes on, or ends.",
     nullptr},
    {"__dict__", guarded<get_dict>, guarded<set_dict>, nullptr, nullptr},
    {"main", guarded<get_main>, nullptr, "The Main that this tealet belongs to.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace tealetpp
