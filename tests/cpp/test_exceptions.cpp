// C++ exceptions belong to the execution that raises or handles them.
#include <exception>
#include <stdexcept>
#include <string>

#include "helpers.hpp"

using namespace tealet_tests;

TEST_CASE("[misuse-uncaught] an exception that leaves a tealet's function arrives in its parent") {
  Main main;
  Tealet tealet = main.create([&] {
    main.switch_to();
    throw std::runtime_error("out of it");
  });
  tealet.switch_to();
  CHECK_THROWS_WITH_AS(tealet.switch_to(), "out of it", std::runtime_error);
  CHECK_FALSE(tealet);

  std::string order;
  Tealet outer = main.create([&] {
    Tealet inner = main.create([&] { throw std::runtime_error("inner"); });
    try {
      inner.switch_to();
    } catch (const std::runtime_error& error) {
      order = error.what();
      throw std::logic_error("outer");
    }
  });
  CHECK_THROWS_WITH_AS(outer.switch_to(), "outer", std::logic_error);
  CHECK(order == "inner");
}

TEST_CASE("throw_into raises at the pause point") {
  Main main;
  Tealet tealet = main.create([&]() -> void* {
    try {
      main.switch_to();
    } catch (int value) {
      return token(value + 1);
    }
    return nullptr;
  });
  tealet.switch_to();
  CHECK(tealet.throw_into(std::make_exception_ptr(4)) == token(5));

  bool ran = false;
  Tealet fresh = main.create([&] { ran = true; });
  CHECK_THROWS_AS(fresh.throw_into(std::make_exception_ptr(4)), int);
  CHECK_FALSE(ran);
  CHECK_FALSE(fresh);
  CHECK_THROWS_AS(main.self().throw_into(std::make_exception_ptr(4)), int);

  // Into main, from a tealet.
  tealet = main.create([&] { main.self().throw_into(std::make_exception_ptr(6)); });
  CHECK_THROWS_AS(tealet.switch_to(), int);
  CHECK(tealet.status() == Status::Suspended);
}

TEST_CASE("throw_into needs an exception") {
  Main main;
  Tealet t = main.create([&] { main.switch_to(); });
  t.switch_to();
  CHECK_THROWS_AS(t.throw_into(nullptr), tealet::InvalidError);
  CHECK(t.status() == Status::Suspended);
}

TEST_CASE("[misuse-uncaught] Exit is a normal end") {
  Main main;
  Tealet tealet = main.create([] { throw tealet::Exit(); });
  CHECK(tealet.switch_to() == nullptr);
  CHECK_FALSE(tealet);
  tealet = main.create([&] { tealet.close(); });
  CHECK(tealet.switch_to() == nullptr);
  CHECK_FALSE(tealet);
}

TEST_CASE("a switch in the middle of a catch block, and a rethrow later") {
  Main main;
  auto body = [&](int mine) {
    try {
      throw mine;
    } catch (int) {
      main.switch_to();
      try {
        throw std::to_string(mine);
      } catch (const std::string& text) {
        main.switch_to();
        CHECK(text == std::to_string(mine));
      }
      main.switch_to();
      throw;
    }
  };
  Tealet tealets[3];
  for (int i = 0; i < 3; ++i) tealets[i] = main.create([&body, i] { body(i); });
  try {
    throw std::runtime_error("main's own");
  } catch (...) {
    for (int round = 0; round < 3; ++round) {
      for (int i : {1, 0, 2}) tealets[i].switch_to();
    }
    for (int i : {2, 0, 1}) {
      try {
        tealets[i].switch_to();
        CHECK(false);
      } catch (int value) {
        CHECK(value == i);
      }
    }
    CHECK_THROWS_WITH_AS(throw, "main's own", std::runtime_error);
  }
  CHECK(std::current_exception() == nullptr);
}

TEST_CASE("a tealet begins without an exception in flight") {
  Main main;
  try {
    throw 1;
  } catch (int) {
    Tealet tealet = main.create([&] {
      CHECK(std::current_exception() == nullptr);
      main.switch_to();
      CHECK(std::current_exception() == nullptr);
    });
    tealet.switch_to();
    CHECK(std::current_exception() != nullptr);
    tealet.switch_to();
    CHECK(std::current_exception() != nullptr);
  }
  CHECK(std::current_exception() == nullptr);
}

TEST_CASE("exceptions in flight are counted per tealet, also when a destructor switches") {
  Main main;
  struct Pause {
    Main& main;
    ~Pause() {
      CHECK(std::uncaught_exceptions() == 1);
      main.switch_to();
      CHECK(std::uncaught_exceptions() == 1);
    }
  };
  auto body = [&] {
    CHECK(std::uncaught_exceptions() == 0);
    try {
      Pause pause{main};
      throw 1;
    } catch (int) {
      CHECK(std::uncaught_exceptions() == 0);
    }
  };
  Tealet one = main.create(body);
  Tealet two = main.create(body);
  one.switch_to();
  CHECK(std::uncaught_exceptions() == 0);
  two.switch_to();
  CHECK(std::uncaught_exceptions() == 0);
  one.switch_to();
  CHECK_FALSE(one);
  two.switch_to();
  CHECK_FALSE(two);

  // Begun by a destructor that runs during unwinding.
  struct Begin {
    Tealet& tealet;
    ~Begin() {
      tealet.switch_to();
      CHECK(std::uncaught_exceptions() == 1);
    }
  };
  Tealet begun = main.create(body);
  try {
    Begin begin{begun};
    throw 1;
  } catch (int) {
  }
  CHECK(std::uncaught_exceptions() == 0);
  begun.switch_to();
  CHECK_FALSE(begun);
}
