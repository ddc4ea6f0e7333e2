// Memory pages and their protection.
#pragma once

#include <cstddef>

namespace tealet::port {

std::size_t page_size() noexcept;

enum class Protection { none, read_only, read_write };

// Protects the pages [low, low + size). False if the system refuses; errno is set then.
[[nodiscard]] bool protect_pages(char* low, std::size_t size, Protection protection) noexcept;

}  // namespace tealet::port
