// Walk: all patterns that fit a request's host and path, from the most specific to the least, shown to a visitor. Find
// and Explain are two visitors, so that they cannot disagree.
//
// A visitor answers:
// - bool Wants(int priority): whether routes of at most that priority can still matter; what it does not want is
// skipped
// - void Offer(const Index::Table&, const Index::Leaf&, const Captures&): a pattern that fits
// - void GiveUp(const Index::Table&, const Index::Leaf&): the leaf's regular expression went past its limit
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "base/strings.h"
#include "route/index.h"

namespace mg::route {

// Values in the order of the pattern's parameters.
struct Captures {
  std::array<std::string_view, kMaxParams> values;
  size_t count = 0;
};

// host[:port] -> the host in lower case, without brackets and a final dot.
class HostKey {
 public:
  explicit HostKey(std::string_view authority) {
    size_t end = authority.starts_with('[') ? authority.find(']') : authority.find(':');
    std::string_view host = authority.substr(0, end);
    if (host.starts_with('[')) host.remove_prefix(1);
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.size() > sizeof(text_)) return;  // no configured host is that long
    for (char c : host) text_[size_++] = ToLower(c);
  }
  std::string_view text() const { return {text_, size_}; }

 private:
  char text_[255];
  size_t size_ = 0;
};

template <class Visitor>
class Walk {
 public:
  Walk(const Index& index, Visitor& visitor, std::string_view path) : index_(index), visitor_(visitor), path_(path) {}

  void Run(std::string_view authority) {
    HostKey key(authority);
    std::string_view host = key.text();
    if (!host.empty()) {
      if (index_.hosts != kNone) VisitTable(index_.map.Find(index_.hosts, host));
      if (index_.wildcards != kNone) Wildcards(host);
    }
    VisitTable(index_.any_host);
  }

 private:
  void Wildcards(std::string_view host) {
    size_t dots = static_cast<size_t>(std::count(host.begin(), host.end(), '.'));
    while (dots != 0) {
      host.remove_prefix(host.find('.') + 1);
      dots--;
      if (dots <= index_.wildcard_dots) VisitTable(index_.map.Find(index_.wildcards, host));
    }
  }

  void VisitTable(uint32_t number) {
    if (number == kNone) return;
    const Index::Table& table = index_.tables[number];
    if (!visitor_.Wants(table.priority)) return;
    table_ = &table;
    captures_.count = 0;
    if (path_.starts_with('/')) {
      if (table.exact != kNone) VisitLeaf(index_.map.Find(table.exact, path_));
      if (table.segments != kNone) Segments(table.segments, path_.substr(1));
      for (uint32_t length : table.raw_lengths) {
        if (length <= path_.size()) VisitLeaf(index_.map.Find(table.raw, path_.substr(0, length)));
      }
      Regexes();
      if (table.prefixes != kNone) Prefixes(table.prefixes, path_.substr(1), true);
    }
    VisitLeaf(table.any);
  }

  void VisitLeaf(uint32_t number) {
    if (number == kNone || !visitor_.Wants(index_.leaves[number].priority)) return;
    visitor_.Offer(*table_, index_.leaves[number], captures_);
  }

  // `rest` is what follows the slash after `node`. A literal goes before a parameter.
  void Segments(uint32_t node, std::string_view rest) {
    size_t slash = rest.find('/');
    std::string_view segment = rest.substr(0, slash);
    auto descend = [&](uint32_t child) {
      if (child == kNone) return;
      if (slash == std::string_view::npos) return VisitLeaf(index_.nodes[child].leaf);
      Segments(child, rest.substr(slash + 1));
    };
    descend(index_.map.Find(node, segment));
    uint32_t parameter = index_.nodes[node].parameter;
    if (parameter == kNone || segment.empty()) return;
    captures_.values[captures_.count++] = segment;
    descend(parameter);
    captures_.count--;
  }

  // As Segments; `more`: a slash and `rest` follow, else the path ends at `node`. What lies deeper goes first.
  void Prefixes(uint32_t node, std::string_view rest, bool more) {
    if (more) {
      size_t slash = rest.find('/');
      bool last = slash == std::string_view::npos;
      std::string_view segment = rest.substr(0, slash);
      auto descend = [&](uint32_t child) {
        if (child != kNone) Prefixes(child, last ? std::string_view() : rest.substr(slash + 1), !last);
      };
      descend(index_.map.Find(node, segment));
      uint32_t parameter = index_.nodes[node].parameter;
      if (parameter != kNone && !segment.empty()) {
        captures_.values[captures_.count++] = segment;
        descend(parameter);
        captures_.count--;
      }
    }
    if (index_.nodes[node].leaf == kNone) return;
    captures_.values[captures_.count++] = rest;
    VisitLeaf(index_.nodes[node].leaf);
    captures_.count--;
  }

  // Those of the path's first segment and those of any, in file order.
  void Regexes() {
    std::span<const uint32_t> of_any = table_->regexes, of_first;
    size_t slash = path_.find('/', 1);
    if (table_->buckets != kNone && slash != std::string_view::npos) {
      uint32_t bucket = index_.map.Find(table_->buckets, path_.substr(1, slash - 1));
      if (bucket != kNone) of_first = index_.buckets[bucket];
    }
    while (!of_any.empty() || !of_first.empty()) {
      bool first = of_any.empty() || (!of_first.empty() && of_first[0] < of_any[0]);
      std::span<const uint32_t>& from = first ? of_first : of_any;
      VisitRegex(index_.path_regexes[from[0]]);
      from = from.subspan(1);
    }
  }

  void VisitRegex(const Index::PathRegex& candidate) {
    if (!path_.starts_with(candidate.prefix)) return;
    const Index::Leaf& leaf = index_.leaves[candidate.leaf];
    if (!visitor_.Wants(leaf.priority)) return;
    const Regex& regex = index_.regexes[candidate.regex];
    captures_.count = regex.group_count();
    Regex::Outcome outcome = regex.Search(path_, std::span(captures_.values).first(captures_.count));
    for (const Regex::Named& name : regex.names()) {
      captures_.values[captures_.count++] = captures_.values[name.group - 1];
    }
    if (outcome == Regex::Outcome::kMatch) visitor_.Offer(*table_, leaf, captures_);
    captures_.count = 0;
    if (outcome == Regex::Outcome::kLimit) visitor_.GiveUp(*table_, leaf);
  }

  const Index& index_;
  Visitor& visitor_;
  std::string_view path_;
  const Index::Table* table_ = nullptr;
  Captures captures_;
};

}  // namespace mg::route
