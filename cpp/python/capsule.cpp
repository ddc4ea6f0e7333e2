// The C API for other extension modules: a table of functions in a capsule.
// include/tealet/tealet_python.h documents them. They do what the Python methods do, and also check
// the types of their arguments.
#include <tealet/tealet_python.h>

#include "core/c_stats.hpp"
#include "core/thread_context.hpp"
#include "python/guarded.hpp"
#include "python/main_type.hpp"
#include "python/registry.hpp"
#include "python/tealet_attributes.hpp"
#include "python/tealet_methods.hpp"
#include "python/tealet_type.hpp"
#include "python/thread_domains.hpp"

namespace tealetpp {

namespace {

static_assert(static_cast<int>(Status::New) == PYTEALET_STATUS_NEW &&
              static_cast<int>(Status::Stub) == PYTEALET_STATUS_STUB &&
              static_cast<int>(Status::Suspended) == PYTEALET_STATUS_SUSPENDED &&
              static_cast<int>(Status::Running) == PYTEALET_STATUS_RUNNING &&
              static_cast<int>(Status::Exited) == PYTEALET_STATUS_EXITED &&
              static_cast<int>(Status::Defunct) == PYTEALET_STATUS_DEFUNCT);

// Whether `object` is of type `type` and no exception is set. Otherwise an exception is set.
bool is_given(const char* function, PyObject* object, PyTypeObject* type) {
  if (PyErr_Occurred() != nullptr) return false;
  if (object == nullptr) {
    PyErr_Format(PyExc_TypeError, "%s() needs a %s, not NULL", function, type->tp_name);
    return false;
  }
  if (PyObject_TypeCheck(object, type)) return true;
  PyErr_Format(PyExc_TypeError, "%s() needs a %s, not %R", function, type->tp_name, object);
  return false;
}

PyObject* or_none(PyObject* object) { return object != nullptr ? object : Py_None; }

int check(PyObject* object) { return object != nullptr && PyObject_TypeCheck(object, tealet_type); }

int check_main(PyObject* object) {
  return object != nullptr && PyObject_TypeCheck(object, main_type);
}

PyObject* get_current(PyObject* main) {
  if (main == nullptr && PyErr_Occurred() == nullptr) {
    ThreadDomains* const domains = ThreadDomains::of_this_thread();
    return domains != nullptr ? current_of(domains->newest_usable()) : nullptr;
  }
  if (!is_given("PyTealet_Current", main, main_type)) return nullptr;
  return current_of(as_tealet(main)->domain);
}

PyObject* get_main_of(PyObject* tealet) {
  return is_given("PyTealet_Main", tealet, tealet_type) ? get_main(tealet, nullptr) : nullptr;
}

PyObject* get_parent_of(PyObject* tealet) {
  return is_given("PyTealet_Parent", tealet, tealet_type) ? get_parent(tealet, nullptr) : nullptr;
}

PyObject* make(PyObject* main, PyObject* run, PyObject* parent) {
  if (!is_given("PyTealet_New", main, main_type)) return nullptr;
  return create_tealet(as_tealet(main), or_none(run), or_none(parent));
}

// Runs `action` with a reference to `tealet`. A Python frame that calls a method owns one until the
// method returns. A C caller may have none: its reference may be in a variable that the code it
// switches to changes.
template <class Switch>
PyObject* while_held(PyObject* tealet, Switch action) {
  Py_INCREF(tealet);
  PyObject* const result = action();
  Py_DECREF(tealet);
  return result;
}

PyObject* switch_to(PyObject* tealet, PyObject* value) {
  if (!is_given("PyTealet_Switch", tealet, tealet_type)) return nullptr;
  return while_held(
      tealet, [&] { return method_switch(tealet, &value, value != nullptr ? 1 : 0, nullptr); });
}

PyObject* throw_into(PyObject* tealet, PyObject* exception) {
  if (!is_given("PyTealet_Throw", tealet, tealet_type)) return nullptr;
  return while_held(tealet, [&] { return method_throw(tealet, or_none(exception)); });
}

int close(PyObject* tealet) {
  if (!is_given("PyTealet_Close", tealet, tealet_type)) return -1;
  PyObject* const none = while_held(tealet, [&] { return method_close(tealet, nullptr); });
  Py_XDECREF(none);
  return none != nullptr ? 0 : -1;
}

int get_status(PyObject* tealet) {
  if (!is_given("PyTealet_Status", tealet, tealet_type)) return -1;
  return static_cast<int>(status_of(*as_tealet(tealet)));
}

int get_stats(PyObject* main, tealet_stats_t* stats, std::size_t* bytes_cached) {
  if (!is_given("PyTealet_GetStats", main, main_type)) return -1;
  if (stats == nullptr) {
    PyErr_SetString(PyExc_TypeError, "PyTealet_GetStats() needs a tealet_stats_t, not NULL");
    return -1;
  }
  const Stats now = stats_of(*as_tealet(main));
  *stats = tealet::core::to_c(now);
  if (bytes_cached != nullptr) *bytes_cached = now.bytes_cached;
  return 0;
}

constexpr PyTealet_API table{sizeof(PyTealet_API),   PYTEALET_VERSION,     guarded<check>,
                             guarded<check_main>,    guarded<get_current>, guarded<get_main_of>,
                             guarded<get_parent_of>, guarded<make>,        guarded<switch_to>,
                             guarded<throw_into>,    guarded<close>,       guarded<get_status>,
                             guarded<get_stats>};

}  // namespace

void register_capi(py::module_& module) {
  module.attr("_C_API") = py::capsule(&table, PYTEALET_CAPSULE);
}

}  // namespace tealetpp
