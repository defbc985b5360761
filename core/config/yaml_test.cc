#include <gtest/gtest.h>

#include "config/test_support.h"
#include "config/yaml.h"

namespace mg::config::test {
namespace {

// What is no YAML, or none that is understood here.
// clang-format off
const Case kTexts[] = {
    {"Duplicate", R"(watch: true
user: a
watch: false
)",
     R"(g.yaml:3:1: the key "watch" is given twice: first at line 1, column 1 (watch)
)"},
    {"DuplicateMany", R"(routes:
  - respond: 200
    vars: {a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9, j: 1, k: 1, l: 1, m: 1, n: 1, o: 1, p: 1, q: 1, c: 2}
)",
     R"(g.yaml:3:114: the key "c" is given twice: first at line 3, column 24 (routes[0].vars.c)
)"},
    {"Merge", R"(a: &a { x: 1 }
log:
  <<: *a
)",
     R"(g.yaml:3:3: merge keys (<<) are not supported: write the keys out, or use an alias for a whole value (log)
)"},
    {"PathFlow", R"(routes:
  - match: { path: /v1/{id} }
    respond: 200
)",
     R"(g.yaml:2:20: an unquoted "{" begins a map, quote it: path: "/v1/{id}" (routes[0].match)
)"},
    {"PathFlowList", R"(routes:
  - { match: { path: /v1/{id}/x, methods: [GET] }, respond: 200 }
)",
     R"(g.yaml:2:22: an unquoted "{" begins a map, quote it: path: "/v1/{id}/x" (routes[0].match)
)"},
    {"TemplateBlock", R"(routes:
  - respond: 200
    rewrite:
      path: {path.id}/x
)",
     R"(g.yaml:4:13: an unquoted "{" begins a map, quote it: path: "{path.id}/x" (routes[0].rewrite.path.path.id)
)"},
    {"EnvFlow", R"(status: { address: ${ADDR} }
)",
     R"(g.yaml:1:20: an unquoted "{" begins a map, quote it: address: "${ADDR}" (status)
)"},
    {"Tab", "log:\n\tlevel: info\n",
     R"(g.yaml:2:1: a tab indents this line: YAML is indented with spaces only (log)
)"},
    {"Tab2", "log:\n  level: info\n\toutput: stderr\n",
     R"(g.yaml:3:1: a tab indents this line: YAML is indented with spaces only (log.level)
)"},
    {"Wildcard", R"(routes:
  - match: { hosts: [*.example.org] }
    respond: 200
)",
     R"(g.yaml:2:22: an unquoted "*" begins an alias, and no anchor has that name: if it is meant as text, quote it: "*.example.org" (routes[0].match.hosts)
)"},
    {"WildcardBlock", R"(routes:
  - match:
      hosts:
        - *.example.org
    respond: 200
)",
     R"(g.yaml:4:11: an unquoted "*" begins an alias, and no anchor has that name: if it is meant as text, quote it: "*.example.org" (routes[0].match.hosts)
)"},
    {"AliasUnknown", R"(user: *nobody
)",
     R"(g.yaml:1:7: an unquoted "*" begins an alias, and no anchor has that name: if it is meant as text, quote it: user: "*nobody" (user)
)"},
    {"At", R"(user: @root
)",
     R"(g.yaml:1:7: a text cannot begin with "@" unquoted, quote it: user: "@root" (user)
)"},
    {"Backtick", R"(user: `x
)",
     R"(g.yaml:1:7: a text cannot begin with "`" unquoted, quote it: user: "`x" (user)
)"},
    {"Percent", R"(user: %x
)",
     R"(g.yaml:1:7: a text cannot begin with "%" unquoted, quote it: user: "%x" (user)
)"},
    {"Colon", R"(user: a: b
)",
     R"(g.yaml:1:8: ": " is not allowed here: quote the text it stands in, or check the indentation
)"},
    {"UnclosedList", R"(trusted_proxies: [10.0.0.0/8
watch: true
)",
     R"(g.yaml:1:18: the "[" opened here is not closed before line 2, column 6 (trusted_proxies)
)"},
    {"UnclosedMap", R"(log: { level: info
)",
     R"(g.yaml:1:6: the "{" opened here is not closed before line 2, column 1 (log)
)"},
    {"UnclosedQuote", R"(user: "abc
watch: true
)",
     R"(g.yaml:1:7: the quote opened here is never closed (user)
)"},
    {"UnclosedSingle", R"(user: 'it''s
)",
     R"(g.yaml:1:7: the quote opened here is never closed (user)
)"},
    {"MissingColon", R"(watch
)",
     ""},
    {"MissingColon2", R"(user: a
watch
)",
     R"(g.yaml:2:1: "watch" has no value: write key: value, with a space after the colon
)"},
    {"MissingSpace", R"(log: {level:info}
)",
     R"(g.yaml:1:7: "level:info" has no value: write key: value, with a space after the colon; or quote "{level:info}" if it is meant as text (log.level:info)
)"},
    {"MissingColonFlow", R"(log: {level}
)",
     R"(g.yaml:1:7: "level" has no value: write key: value, with a space after the colon; or quote "{level}" if it is meant as text (log.level)
)"},
    {"Indent", R"(user: a
 watch: true
)",
     R"(g.yaml:2:7: ": " is not allowed here: quote the text it stands in, or check the indentation
)"},
    {"IndentBlock", R"(log:
    level: info
  output: stderr
)",
     R"(g.yaml:3:3: this does not belong to what is above: check the indentation
)"},
    {"ListThenMap", R"(- a
user: b
)",
     R"(g.yaml:2:1: this does not belong to what is above: check the indentation (routes)
)"},
    {"TwoDocs", R"(user: a
---
user: b
)",
     R"(g.yaml:2:1: a second document: a file holds one
)"},
    {"ScalarRoot", R"(hello
)",
     ""},
    {"ListRoot", R"(- a
)",
     ""},
    {"Empty", R"(# nothing
)",
     ""},
    {"KeyList", R"(? [a, b]
: 1
)",
     R"(g.yaml:1:3: a key must be a text, not a list or a map: quote it
)"},
    {"KeyNull", R"(~: 1
)",
     R"(g.yaml:1:1: a key is missing before this, or is null: quote it if it is meant as text
)"},
    {"KeyAlias", R"(user: &a b
*a : 1
)",
     R"(g.yaml:2:1: an alias cannot be a key
)"},
    {"Tag", R"(user: !foo a
)",
     R"(g.yaml:1:7: tags are not supported: !foo (user)
)"},
    {"TagStr", R"(user: !!str 12
)",
     ""},
    {"TagMap", R"(log: !!map {}
)",
     R"(g.yaml:1:6: tags are not supported: tag:yaml.org,2002:map (log)
)"},
    {"AliasWithin", R"(trusted_proxies: &a [*a]
)",
     R"(g.yaml:1:22: an alias within what it stands for (trusted_proxies)
)"},
    {"Control", "user: a\001b\n",
     R"(g.yaml:1:8: control character 0x01
)"},
    {"Del", "user: \"a\177\"\n",
     R"(g.yaml:1:9: control character 0x7f
)"},
    {"Utf8", "user: a\nx: \377\n",
     R"(g.yaml:2:4: not UTF-8 text
)"},
    {"Bom", "\357\273\277watch: yes\n",
     ""},
    {"Deep", R"(a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
)",
     R"(g.yaml:1:67: nested deeper than 64 lists and maps (a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0])
)"},
    {"Crlf", "user: a\r\nwatch: maybe\r\n",
     ""},
    {"Escape", R"(user: "\q"
)",
     R"(g.yaml:1:8: unknown escape character: q (user)
)"},
    {"Json", R"({"user": "a", "watch": 1}
)",
     ""},
    {"AliasOk", R"(limits: { head: &s 32KiB, uri: *s }
)",
     ""},
    {"NonAscii", "'\303\274\303\274': {a: \"\303\244\", b}\n",
     R"(g.yaml:1:19: "b" has no value: write key: value, with a space after the colon (üü.b)
)"},
    {"NextLine", "a: \"x\302\205y\"\nb: [\n",
     R"(g.yaml:2:4: the "[" opened here is not closed before line 3, column 1 (b)
)"},
    {"C1", "a: \302\200\n",
     R"(g.yaml:1:4: YAML: control characters are not allowed
)"},
    {"Redefined", R"(a: &x 1
b: &x [&x 2, *x, *x]
c: [*x]
log: ] 
)",
     R"(g.yaml:4:6: "]" closes nothing here: quote the text it stands in (log)
)"},
    {"FlowEnd", R"(user: ]
)",
     R"(g.yaml:1:7: "]" closes nothing here: quote the text it stands in (user)
)"},
    {"Billion", R"(a: &a [x,x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
)",
     R"(g.yaml:3:29: aliases stand for more than 1000 values (c)
)"},
};
// clang-format on

class YamlErrors : public testing::TestWithParam<Case> {};

TEST_P(YamlErrors, Reports) {
  Diagnostics diagnostics;
  diagnostics.files = {"g.yaml"};
  ParseYaml(GetParam().yaml, 0, diagnostics);
  EXPECT_EQ(diagnostics.ToString(), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Table, YamlErrors, testing::ValuesIn(kTexts),
                         [](const auto& row) { return CaseName(row.param); });

std::optional<Node> Parse(const std::string& text) {
  Diagnostics diagnostics;
  diagnostics.files = {"g.yaml"};
  std::optional<Node> node = ParseYaml(text, 0, diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  return node;
}

void ExpectAt(const Position& position, uint32_t line, uint32_t column) {
  EXPECT_EQ(position.line, line);
  EXPECT_EQ(position.column, column);
}

TEST(Yaml, PositionsOfKeysAndValues) {
  auto root = Parse("a: 1\nb:\n  - x\n  - { c: \"d\" }\n");
  ASSERT_TRUE(root);
  ExpectAt(root->entries[0].position, 1, 1);
  ExpectAt(root->entries[0].value.position, 1, 4);
  ExpectAt(root->entries[1].position, 2, 1);
  const Node& list = root->entries[1].value;
  ExpectAt(list.items[0].position, 3, 5);
  ExpectAt(list.items[1].position, 4, 5);
  ExpectAt(list.items[1].entries[0].position, 4, 7);
  ExpectAt(list.items[1].entries[0].value.position, 4, 10);
  EXPECT_TRUE(list.items[1].entries[0].value.quoted);
  EXPECT_FALSE(root->entries[0].value.quoted);
}

TEST(Yaml, BlocksStartOnTheLineAfterTheirIndicator) {
  auto root =
      Parse("# \303\251\na: |\n  x\n  y\nb: &k |-\n\n  z\nc: plain\nd: \"quoted\"\ne: >\n  folded\n  text\nf: *k\n");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->Find("a")->text_line, 3u);
  EXPECT_EQ(root->Find("a")->scalar, "x\ny\n");
  EXPECT_TRUE(root->Find("a")->quoted);
  EXPECT_EQ(root->Find("b")->text_line, 6u);
  EXPECT_EQ(root->Find("b")->scalar, "\nz");
  EXPECT_EQ(root->Find("c")->text_line, 8u);
  EXPECT_EQ(root->Find("d")->text_line, 9u);
  EXPECT_EQ(root->Find("e")->text_line, 11u);
  EXPECT_EQ(root->Find("e")->scalar, "folded text\n");
  EXPECT_EQ(root->Find("f")->text_line, 6u);
}

TEST(Yaml, ScalarsAndNulls) {
  auto root = Parse("a: ~\nb: null\nc:\nd: on\ne: 'null'\nf: \"\"\ng: 0x1F\n'<<': h\n");
  ASSERT_TRUE(root);
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(root->Find(key)->kind, Node::Kind::kNull) << key;
  EXPECT_EQ(root->Find("d")->scalar, "on");
  EXPECT_EQ(root->Find("e")->scalar, "null");
  EXPECT_EQ(root->Find("f")->kind, Node::Kind::kScalar);
  EXPECT_EQ(root->Find("g")->scalar, "0x1F");
  EXPECT_EQ(root->Find("<<")->scalar, "h");
  EXPECT_EQ(root->Find("z"), nullptr);
}

TEST(Yaml, JsonIsYaml) {
  auto root = Parse("{\"a\":[1,{\"b\":null}],\n \"c\":\"d\"}");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->Find("a")->items[1].Find("b")->kind, Node::Kind::kNull);
  EXPECT_EQ(root->Find("c")->scalar, "d");
  ExpectAt(root->Find("c")->position, 2, 6);
}

TEST(Yaml, AliasesAreCopies) {
  auto root = Parse("a: &x { b: [1, 2] }\nc: *x\n");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->Find("c")->Find("b")->items.size(), 2u);
  ExpectAt(root->Find("c")->position, 1, 4);
}

TEST(Yaml, SizeIsLimited) {
  Diagnostics diagnostics;
  diagnostics.files = {"g.yaml"};
  EXPECT_FALSE(ParseYaml(std::string(YamlLimits::kSize + 1, ' '), 0, diagnostics));
  EXPECT_EQ(diagnostics.ToString(), "g.yaml:1:1: the file is larger than 16 MiB\n");
}

}  // namespace
}  // namespace mg::config::test
