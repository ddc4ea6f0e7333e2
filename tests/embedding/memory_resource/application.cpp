// A C++ application that gives its tealets memory from a fixed array. Every byte is taken from
// there and returned.
#include <tealet/tealet.hpp>

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory_resource>
#include <new>
#include <vector>

namespace {

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "memory_resource: check failed: " << what << '\n';
  failures += 1;
}

std::size_t taken_elsewhere = 0;  // blocks from operator new

// Allocates from an array, and records the live blocks.
class ArrayResource final : public std::pmr::memory_resource {
 public:
  std::size_t bytes_out() const { return bytes_out_; }
  std::size_t blocks_out() const { return blocks_.size(); }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    void* block = pool_.allocate(bytes, alignment);
    blocks_[block] = bytes;
    bytes_out_ += bytes;
    return block;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    const auto found = blocks_.find(block);
    check(found != blocks_.end() && found->second == bytes, "a block comes back as it was taken");
    if (found != blocks_.end()) blocks_.erase(found);
    bytes_out_ -= bytes;
    pool_.deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  alignas(std::max_align_t) std::byte array_[512 * 1024];
  // Past the end of the array it fails.
  std::pmr::monotonic_buffer_resource array_resource_{array_, sizeof array_,
                                                      std::pmr::null_memory_resource()};
  std::pmr::unsynchronized_pool_resource pool_{&array_resource_};
  // The live blocks. In the same array, so that taken_elsewhere does not count the map.
  std::pmr::map<void*, std::size_t> blocks_{&array_resource_};
  std::size_t bytes_out_ = 0;
};

void check_balance(tealet::Main& main, const ArrayResource& resource) {
  const tealet::Stats stats = main.stats();
  check(main.memory().bytes_from_upstream() == resource.bytes_out(),
        "what the domain has taken is what the resource has given");
  check(!stats.enabled || stats.bytes_allocated + stats.bytes_cached == resource.bytes_out(),
        "the statistics have the same figure");
}

void pause_deep(tealet::Main& main, int depth) {
  volatile char frame[256] = {};
  frame[0] = 1;
  if (depth != 0) {
    pause_deep(main, depth - 1);
  } else {
    main.switch_to();
  }
  frame[0] = 2;
}

// Returns the most bytes that were live at once.
std::size_t run_tealets(tealet::Main& main, const ArrayResource& resource) {
  tealet::Tealet tealets[20];
  const std::size_t elsewhere = taken_elsewhere;
  int depth = 0;
  for (tealet::Tealet& tealet : tealets) {
    tealet = main.create([&main, depth] { pause_deep(main, depth); });
    tealet.switch_to();
    check_balance(main, resource);
    depth += 1;
  }
  const std::size_t most = resource.bytes_out();
  for (const tealet::Tealet& tealet : tealets) tealet.switch_to();
  check(taken_elsewhere == elsewhere, "tealets take no memory from anywhere else");
  check_balance(main, resource);
  return most;
}

}  // namespace

void* operator new(std::size_t bytes) {
  taken_elsewhere += 1;
  if (void* block = std::malloc(bytes != 0 ? bytes : 1)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

int main() {
  static ArrayResource resource;
  std::size_t most = 0;
  {
    tealet::Main::Options options;
    options.upstream = &resource;
    tealet::Main main(options);
    most = run_tealets(main, resource);
  }
  check(most > std::size_t{20} * 1000, "20 stacks were saved in it");
  check(resource.blocks_out() == 0 && resource.bytes_out() == 0, "everything has come back");
  if (failures != 0) return 1;
  std::cout << "memory_resource: " << resource.bytes_out() << " bytes left in "
            << resource.blocks_out() << " blocks\n";
}
