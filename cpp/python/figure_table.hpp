// Tables of figures for the Python part, as text.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>

namespace tealetpp {

// Adds `table` to `module`, as a tuple of tuples of strings.
template <std::size_t columns, std::size_t count>
void add_figures(pybind11::module_& module, const char* name,
                 const std::array<std::array<const char*, columns>, count>& table) {
  pybind11::tuple rows(count);
  for (std::size_t row = 0; row < count; ++row) {
    pybind11::tuple texts(columns);
    for (std::size_t column = 0; column < columns; ++column) {
      texts[column] = pybind11::str(table[row][column]);
    }
    rows[row] = texts;
  }
  module.attr(name) = rows;
}

}  // namespace tealetpp
