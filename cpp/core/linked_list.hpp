// A doubly linked list through a member of its elements. It owns nothing and needs no memory.
#pragma once

#include "core/check.hpp"

namespace tealet::core {

// An element's neighbours in a list.
template <class Element>
struct Links {
  Element* next = nullptr;
  Element* previous = nullptr;
};

template <class Element, Links<Element> Element::* links>
class LinkedList {
 public:
  bool is_empty() const noexcept { return first_ == nullptr; }
  Element* first() const noexcept { return first_; }
  static Element* next(const Element& element) noexcept { return (element.*links).next; }

  // Precondition: `element` is in no list that uses the same links.
  void add_first(Element& element) noexcept {
    Links<Element>& own = element.*links;
    TEALETPP_CHECK(own.next == nullptr && own.previous == nullptr && first_ != &element);
    own.next = first_;
    if (first_ != nullptr) (first_->*links).previous = &element;
    first_ = &element;
  }
  // Precondition: `element` is in this list.
  void remove(Element& element) noexcept {
    Links<Element>& own = element.*links;
    TEALETPP_CHECK(own.next == nullptr || (own.next->*links).previous == &element);
    TEALETPP_CHECK((own.previous != nullptr ? (own.previous->*links).next : first_) == &element);
    if (own.next != nullptr) (own.next->*links).previous = own.previous;
    (own.previous != nullptr ? (own.previous->*links).next : first_) = own.next;
    own = {};
  }

  // Aborts if an element's links do not match those of its neighbours.
  void verify() const noexcept {
    const Element* previous = nullptr;
    for (const Element* element = first_; element != nullptr; element = next(*element)) {
      TEALETPP_CHECK((element->*links).previous == previous);
      previous = element;
    }
  }

 private:
  Element* first_ = nullptr;
};

}  // namespace tealet::core
