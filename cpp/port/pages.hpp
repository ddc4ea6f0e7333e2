// The pages of the system's memory, and their protection.
#pragma once

#include <cstddef>

namespace tealet::port {

std::size_t page_size() noexcept;

enum class Protection { none, read_only, read_write };

// Protects `size` bytes from `low`, which are full pages. False if the system refuses, with errno
// set.
[[nodiscard]] bool protect_pages(char* low, std::size_t size, Protection protection) noexcept;

}  // namespace tealet::port
