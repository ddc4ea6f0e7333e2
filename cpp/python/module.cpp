// The extension module: its table of contents.
#include <tealet/version.h>

#include "collector.hpp"
#include "errors.hpp"
#include "registry.hpp"

PYBIND11_MODULE(_tealetpp, module) {
  module.doc() = "The compiled part of tealetpp.";
  module.attr("__version__") = TEALET_VERSION;
  tealetpp::register_errors(module);
  tealetpp::register_status(module);
  tealetpp::register_stats(module);
  tealetpp::register_tealet(module);
  tealetpp::register_main(module);
  tealetpp::register_collector(module);
  tealetpp::register_capi(module);
  // Users know the package, which hands out everything that is here.
  for (auto item : module.attr("__dict__").cast<pybind11::dict>()) {
    if (PyType_Check(item.second.ptr())) item.second.attr("__module__") = "tealetpp";
  }
}
