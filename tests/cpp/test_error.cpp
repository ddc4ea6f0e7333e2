// Error codes: each becomes one exception, which carries the code and says what it means.
#include <iterator>
#include <new>
#include <set>
#include <string>
#include <typeinfo>

#include "helpers.hpp"

using tealet::Errc;

namespace {

constexpr Errc all_codes[] = {Errc::memory,  Errc::defunct, Errc::invalid,
                              Errc::foreign, Errc::outside, Errc::thread,
                              Errc::refused, Errc::moved,   Errc::stack_exhausted};

template <class Exception>
void throws_exactly(Errc code) {
  bool caught = false;
  try {
    tealet::throw_error(code, "doing this");
  } catch (const tealet::Error& error) {
    caught = true;
    CHECK(typeid(error) == typeid(Exception));
    CHECK(error.code() == code);
    CHECK(error.what() == std::string("doing this: ") + tealet::describe(code));
  }
  CHECK(caught);
}

}  // namespace

TEST_CASE("[engine-errors] each error code is thrown as the exception of its kind") {
  for (Errc code : {Errc::invalid, Errc::foreign, Errc::outside, Errc::moved}) {
    throws_exactly<tealet::InvalidError>(code);
  }
  throws_exactly<tealet::DefunctError>(Errc::defunct);
  throws_exactly<tealet::ThreadError>(Errc::thread);
  for (Errc code : {Errc::refused, Errc::stack_exhausted}) throws_exactly<tealet::Error>(code);
  // Code that handles running out of memory handles this.
  CHECK_THROWS_AS(tealet::throw_error(Errc::memory, "doing this"), std::bad_alloc);
}

TEST_CASE("[engine-errors] each error code has a sentence of its own") {
  std::set<std::string> sentences = {tealet::describe(Errc::ok)};
  for (Errc code : all_codes) sentences.insert(tealet::describe(code));
  CHECK(sentences.size() == std::size(all_codes) + 1);
  CHECK(sentences.count("unknown error") == 0);
}
