// List: a doubly linked list through a ListNode that its elements inherit. Owns nothing; an element is in at most one
// list per Tag and leaves it when it is destroyed. O(1) everything, no allocation. One thread.
#pragma once

namespace mg {

template <class Tag>
class ListNode {
 public:
  ListNode() = default;
  ~ListNode() { Unlink(); }
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;

  bool linked() const { return next_ != nullptr; }
  void Unlink() {
    if (next_ == nullptr) return;
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class, class>
  friend class List;
  ListNode* next_ = nullptr;
  ListNode* previous_ = nullptr;
};

template <class T, class Tag>
class List {
 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  ~List() {
    while (!empty()) head_.next_->Unlink();
    head_.next_ = head_.previous_ = nullptr;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  T* front() { return empty() ? nullptr : Element(head_.next_); }
  T* back() { return empty() ? nullptr : Element(head_.previous_); }
  // The element after this one, or null at the end.
  T* Next(T& element) {
    ListNode<Tag>* next = static_cast<ListNode<Tag>&>(element).next_;
    return next == &head_ ? nullptr : Element(next);
  }

  void PushBack(T& element) { InsertBefore(head_, element); }
  void PushFront(T& element) { InsertBefore(*head_.next_, element); }
  T* PopFront() {
    T* element = front();
    if (element != nullptr) static_cast<ListNode<Tag>*>(element)->Unlink();
    return element;
  }

 private:
  static T* Element(ListNode<Tag>* node) { return static_cast<T*>(node); }
  void InsertBefore(ListNode<Tag>& place, T& element) {
    ListNode<Tag>& node = element;
    node.Unlink();
    node.previous_ = place.previous_;
    node.next_ = &place;
    place.previous_->next_ = &node;
    place.previous_ = &node;
  }

  ListNode<Tag> head_;
};

}  // namespace mg
