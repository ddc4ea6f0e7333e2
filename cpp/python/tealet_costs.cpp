#include "python/tealet_costs.hpp"

#include <tealet/cxx/tealet_stats.hpp>

#include <array>
#include <iterator>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/surveyor.hpp"
#include "python/all_domains.hpp"
#include "python/attribute.hpp"
#include "python/called_function.hpp"
#include "python/figure_table.hpp"
#include "python/python_costs.hpp"
#include "python/python_domain.hpp"
#include "python/registry.hpp"
#include "python/tealet_type.hpp"
#include "python/without_collections.hpp"

namespace tealetpp {

using tealet::Distribution;
using tealet::Histogram;
using tealet::SurveyFigures;
using tealet::core::Surveyor;

namespace {

// The class tealetpp.TealetStats. A new reference; nullptr with an exception set.
PyObject* stats_class() {
  PyObject* const module = PyImport_ImportModule("tealetpp._costs");
  PyObject* const found = module != nullptr ? attribute(module, "TealetStats") : nullptr;
  Py_XDECREF(module);
  return found;
}

// The figures of Python's TealetStats.
struct TealetFigures : tealet::TealetStats {
  std::size_t python_depth = 0;
  std::size_t object_bytes = 0;
};

TealetFigures figures_of(Tealet& tealet) {
  TealetFigures figures;
  if (!figures.enabled) return figures;
  if (tealet.node != nullptr) {
    static_cast<tealet::TealetStats&>(figures) = tealet.domain->stats_of(*tealet.node);
    figures.python_depth = python_depth_of(*tealet.node);
  }
  figures.object_bytes = object_bytes_of(tealet.object);
  return figures;
}

// None if it is not recorded.
PyObject* to_python(std::size_t figure, bool is_recorded) {
  return is_recorded ? PyLong_FromSize_t(figure) : Py_NewRef(Py_None);
}

// An instance of tealetpp.TealetStats.
PyObject* to_python(const TealetFigures& figures, PyObject* type) {
  constexpr bool now = true;
  const bool history = figures.tracked;
  PyObject* const values[] = {
#define TEALET_FIGURE(name, unit, kind, label, meaning) to_python(figures.name, kind),
#define TEALET_PYTHON_FIGURE TEALET_FIGURE
#include <tealet/tealet_figures.def>
  };
  bool failed = false;
  for (PyObject* value : values) failed = failed || value == nullptr;
  PyObject* const result =
      failed ? nullptr : PyObject_Vectorcall(type, values, std::size(values), nullptr);
  for (PyObject* value : values) Py_XDECREF(value);
  return result;
}

}  // namespace

PyObject* method_tealet_stats(PyObject* self, PyObject*) {
  PyObject* const type = stats_class();
  if (type == nullptr) return nullptr;
  PyObject* const stats = to_python(figures_of(*as_tealet(self)), type);
  Py_DECREF(type);
  return stats;
}

// --- the survey ---

namespace {

PyObject* to_python(const Distribution& found) {
  return Py_BuildValue("(nnnnnd)", found.minimum, found.median, found.percentile_99, found.maximum,
                       found.total, found.mean);
}

// A dict from the smallest value of a class to how many there are, without empty classes.
PyObject* to_python(const Histogram& histogram) {
  PyObject* const counts = PyDict_New();
  for (std::size_t i = 0; counts != nullptr && i < histogram.size(); ++i) {
    if (histogram[i] == 0) continue;
    PyObject* const least = PyLong_FromSize_t(i == 0 ? 0 : std::size_t{1} << i);
    PyObject* const count = PyLong_FromSize_t(histogram[i]);
    const bool added =
        least != nullptr && count != nullptr && PyDict_SetItem(counts, least, count) == 0;
    Py_XDECREF(least);
    Py_XDECREF(count);
    if (added) continue;
    Py_DECREF(counts);
    return nullptr;
  }
  return counts;
}

// The arguments of tealetpp._costs.Group, but the first.
PyObject* to_python(const SurveyFigures& figures) {
  return Py_BuildValue("(nNNNNn)", figures.count, to_python(figures.depth), to_python(figures.cost),
                       to_python(figures.depths), to_python(figures.chunk_sizes),
                       figures.touched_stack_bytes);
}

// The tealets that run the same code.
struct Group {
  explicit Group(const PythonDomain& domain) : surveyor(domain) {}

  PyObject* callable = nullptr;  // what names it; strong
  Surveyor surveyor;
};

// Whether `callable` may have a name that others of its type do not have.
bool may_have_own_name(PyObject* callable) {
  PyTypeObject* const type = Py_TYPE(callable);
  if (type->tp_dictoffset != 0 || PyType_Check(callable)) return true;
#ifdef Py_TPFLAGS_MANAGED_DICT
  if ((type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0) return true;
#endif
  static PyObject* name = nullptr;
  if (name == nullptr) name = PyUnicode_InternFromString("__qualname__");
  if (name == nullptr) {
    PyErr_Clear();
    return true;
  }
  return _PyType_Lookup(type, name) != nullptr;
}

// What tealets are grouped by: the code that `callable` runs, or what stands for it. Changes
// `callable` to what names the group.
const void* code_of(PyObject*& callable) {
  if (callable == nullptr) return nullptr;
  PyObject* const innermost = innermost_callable(callable);
  callable = PyFunction_Check(innermost) ? without_partials(callable) : innermost;
  if (PyFunction_Check(innermost)) return PyFunction_GET_CODE(innermost);
  if (PyCFunction_Check(innermost)) {
    return reinterpret_cast<PyCFunctionObject*>(innermost)->m_ml;  // bound to any object
  }
  return may_have_own_name(innermost) ? static_cast<const void*>(innermost) : Py_TYPE(innermost);
}

// A survey of a domain. measure() runs no Python code. to_tuple() may run any.
class PythonSurvey {
 public:
  PythonSurvey(PythonDomain& domain, std::size_t largest)
      : domain_(domain), all_(domain, largest) {}
  ~PythonSurvey() {
    for (auto& [tealet, figures] : largest_) Py_DECREF(tealet);
    for (auto& [code, group] : groups_) Py_XDECREF(group.callable);
  }
  PythonSurvey(const PythonSurvey&) = delete;
  PythonSurvey& operator=(const PythonSurvey&) = delete;

  // May throw std::bad_alloc.
  void measure() {
    if (!figures_.enabled) return;
    const WithoutCollections in_this_scope;
    const EnteredDomains found_once;
    all_.add_all([this](Node& node) { add_to_group(node); });
    for (Node* node : all_.largest()) {
      if (!has_object(*node)) continue;
      Tealet* const tealet = tealet_of(*node);
      largest_.emplace_back(tealet->object, figures_of(*tealet));
      Py_INCREF(tealet->object);
    }
    figures_ = all_.figures_of_domain();
  }

  // The figures, domain_bytes, a list of groups, a list of the largest.
  PyObject* to_tuple() {
    return Py_BuildValue("(NnNN)", to_python(figures_), figures_.domain_bytes, group_list(),
                         largest_list());
  }

 private:
  void add_to_group(Node& node) {
    PyObject* callable = execution_of(node).function;
    const void* const code = code_of(callable);
    const auto [found, is_new] = groups_.try_emplace(code, domain_);
    if (is_new) found->second.callable = Py_XNewRef(callable);
    found->second.surveyor.add(node);
  }

  // Of tuples: a callable or None, and the figures.
  PyObject* group_list() {
    PyObject* const list = PyList_New(0);
    for (auto& [code, group] : groups_) {
      PyObject* const callable = group.callable != nullptr ? group.callable : Py_None;
      if (!append(list, Py_BuildValue("(ON)", callable, to_python(group.surveyor.figures())))) {
        Py_XDECREF(list);
        return nullptr;
      }
    }
    return list;
  }

  // Of tuples: a tealet and its TealetStats.
  PyObject* largest_list() {
    PyObject* const type = stats_class();
    if (type == nullptr) return nullptr;
    PyObject* list = PyList_New(0);
    for (auto& [tealet, figures] : largest_) {
      if (append(list, Py_BuildValue("(ON)", tealet, to_python(figures, type)))) continue;
      Py_CLEAR(list);
      break;
    }
    Py_DECREF(type);
    return list;
  }

  // Takes over the reference to `item`.
  static bool append(PyObject* list, PyObject* item) {
    const bool added = list != nullptr && item != nullptr && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return added;
  }

  PythonDomain& domain_;
  Surveyor all_;
  SurveyFigures figures_;
  std::unordered_map<const void*, Group> groups_;
  std::vector<std::pair<PyObject*, TealetFigures>> largest_;  // strong
};

// The columns are those of tealetpp._costs.Figure.
constexpr std::array figures{
#define TEALET_FIGURE(name, unit, kind, label, meaning) \
  std::array<const char*, 5>{#name, #unit, #kind, label, meaning},
#define TEALET_PYTHON_FIGURE TEALET_FIGURE
#include <tealet/tealet_figures.def>
};

}  // namespace

void register_costs(py::module_& module) { add_figures(module, "_tealet_figures", figures); }

PyObject* method_measure(PyObject* self, PyObject* largest) {
  const std::size_t most_largest = PyLong_AsSize_t(largest);
  if (most_largest == static_cast<std::size_t>(-1) && PyErr_Occurred()) return nullptr;
  PythonDomain* const domain = as_tealet(self)->domain;
  if (domain == nullptr) {
    PyErr_SetString(PyExc_TypeError, "this Main was never initialised");
    return nullptr;
  }
  try {
    PythonSurvey survey(*domain, most_largest);
    survey.measure();
    return survey.to_tuple();
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
}

}  // namespace tealetpp
