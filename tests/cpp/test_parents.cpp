// The parent of a tealet, which receives its result.
#include <string>

#include "helpers.hpp"

using namespace tealet_tests;

namespace {

tealet::Errc code_of(const TealetRef& child, const TealetRef& parent) {
  try {
    child.set_parent(parent);
  } catch (const tealet::Error& error) {
    return error.code();
  }
  return tealet::Errc::ok;
}

}  // namespace

TEST_CASE("a parent can be set, and gets the result") {
  Main main;
  std::string order;
  Tealet receiver, worker;
  receiver = main.create([&]() -> void* {
    void* value = main.switch_to();
    return token(number(value) + 1);
  });
  receiver.switch_to();
  worker = main.create([]() -> void* { return token(10); });
  CHECK(worker.parent() == main.self());
  worker.set_parent(receiver);
  CHECK(worker.parent() == receiver);
  CHECK(worker.switch_to() == token(11));  // through `receiver`, whose parent is main
  CHECK_FALSE(worker);
  CHECK_FALSE(receiver);
}

TEST_CASE("a parent gets the exception, raised at its own switch") {
  Main main;
  Tealet receiver = main.create([&]() -> void* {
    try {
      main.switch_to();
    } catch (int value) {
      return token(value);
    }
    return nullptr;
  });
  receiver.switch_to();
  Tealet worker = main.create([] { throw 12; });
  worker.set_parent(receiver);
  CHECK(worker.switch_to() == token(12));
}

TEST_CASE("cycles, ended parents and parents of another Main are refused") {
  Main main;
  Tealet a = main.create([] {});
  Tealet b = main.create([] {});
  Tealet c = main.create([] {});
  CHECK(code_of(b, a) == tealet::Errc::ok);
  CHECK(code_of(c, b) == tealet::Errc::ok);
  CHECK(code_of(a, a) == tealet::Errc::invalid);
  CHECK(code_of(a, b) == tealet::Errc::invalid);
  CHECK(code_of(a, c) == tealet::Errc::invalid);
  CHECK(code_of(main.self(), a) == tealet::Errc::invalid);
  CHECK(code_of(c, a) == tealet::Errc::ok);
  CHECK(code_of(b, c) == tealet::Errc::ok);

  Tealet ended = main.create([] {});
  ended.switch_to();
  CHECK(code_of(a, ended) == tealet::Errc::invalid);
  CHECK(code_of(ended, a) == tealet::Errc::invalid);
  Tealet empty;
  CHECK(code_of(a, empty) == tealet::Errc::invalid);

  Main other;
  Tealet foreign = other.create([] {});
  CHECK(code_of(a, foreign) == tealet::Errc::foreign);
  CHECK(code_of(a, other.self()) == tealet::Errc::foreign);
  CHECK(a.parent() == main.self());
  CHECK(consistent(main));
}

TEST_CASE(
    "[ends-children] children of a tealet that ends go to its parent, also when that is not main") {
  Main main;
  Tealet grandparent = main.create([&] { return main.switch_to(); });
  grandparent.switch_to();
  Tealet parent = main.create([] {});
  Tealet child = main.create([]() -> void* { return token(2); });
  parent.set_parent(grandparent);
  child.set_parent(parent);
  parent.close();
  CHECK(child.parent() == grandparent);
  CHECK(child.switch_to() == token(2));  // through `grandparent`
  CHECK_FALSE(grandparent);
}

TEST_CASE("[ends-children] children of a tealet that is closed before it began go to its parent") {
  Main main;
  Tealet parent = main.create([] {});
  Tealet child = main.create([]() -> void* { return token(2); });
  child.set_parent(parent);
  parent.close();
  CHECK(child.parent() == main.self());
  CHECK(child.switch_to() == token(2));
}
