// Index: the tables behind a Matcher. Filled by build.cc, read by walk.h; immutable afterwards.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "http/message.h"
#include "route/matcher.h"
#include "route/regex.h"
#include "route/text_map.h"

namespace mg::route {

struct Index {
  struct Check {
    Condition condition;
    http::HeaderId id = http::HeaderId::kOther;  // of a header's name
    uint32_t regex = kNone;
  };
  // All that a look-up reads of a route, in one cache line.
  struct alignas(64) Route {
    int priority = 0;
    uint32_t methods = 0;      // 0: every one
    uint32_t first_param = 0;  // in `params`: the names, in the order of capture
    uint16_t param_count = 0;
    bool internal = false;
    std::vector<Check> headers, query;
  };
  // As configured, for Explain.
  struct Label {
    std::string name, path;
    uint32_t weight = 0;  // number of further conditions
  };
  // The routes that one pattern of one host leads to, in the order they are tried.
  struct Leaf {
    int priority = 0;    // of the first
    uint32_t first = 0;  // in `leaf_routes`
    uint32_t count = 0;
  };
  // A place in a tree of segments. Its number is also the scope of its children in `map`; the other scopes (hosts,
  // exact paths, ...) are nodes too, of which only the number is used.
  struct Node {
    uint32_t parameter = kNone;  // the child that any segment leads to
    uint32_t leaf = kNone;
  };
  struct PathRegex {
    uint32_t regex = kNone;
    uint32_t leaf = kNone;
    std::string prefix;  // what every path that matches begins with
  };
  // All routes of one host, of one wildcard, or without a host.
  struct Table {
    std::string host;                                      // in lower case; "*.example.org"; "" without
    int priority = 0;                                      // the highest
    uint32_t exact = kNone, raw = kNone, buckets = kNone;  // scopes of leaves, leaves and buckets
    uint32_t segments = kNone, prefixes = kNone;           // roots of trees
    uint32_t any = kNone;                                  // the leaf of routes without a path
    std::vector<uint32_t> raw_lengths;                     // of the raw prefixes, longest first
    std::vector<uint32_t> regexes;                         // path_regexes in file order, but for those in buckets
  };

  TextMap map;
  std::vector<Node> nodes;
  std::vector<Leaf> leaves;
  std::vector<uint32_t> leaf_routes;
  std::vector<Route> routes;
  std::vector<Label> labels;        // of the routes
  std::vector<std::string> params;  // names; routes that capture the same ones share them
  std::vector<Table> tables;
  std::vector<PathRegex> path_regexes;         // in file order
  std::vector<std::vector<uint32_t>> buckets;  // path_regexes of one first segment, in file order
  std::vector<Regex> regexes;
  std::vector<std::string> other_methods;     // those with bits from kKnownMethods on
  uint32_t hosts = kNone, wildcards = kNone;  // scopes of tables
  uint32_t any_host = kNone;                  // a table
  size_t wildcard_dots = 0;                   // in the longest wildcard's suffix

  static constexpr uint32_t kKnownMethods = static_cast<uint32_t>(http::Method::kOther);

  std::span<const uint32_t> RoutesOf(const Leaf& leaf) const {
    return std::span(leaf_routes).subspan(leaf.first, leaf.count);
  }
  std::span<const std::string> ParamsOf(const Route& route) const {
    return std::span(params).subspan(route.first_param, route.param_count);
  }
  // The request's method as a set; 0: no route names it.
  uint32_t MethodBit(const http::RequestHead& head) const;
  // Whether a condition on a header field or on a query argument holds; kLimit: a regular expression gave up.
  Regex::Outcome HeaderHolds(const Check& check, const http::RequestHead& head) const;
  Regex::Outcome QueryHolds(const Check& check, const http::RequestHead& head) const;
};

}  // namespace mg::route
