#include "config/schema.h"

#include <gtest/gtest.h>

#include "config/yaml.h"

namespace mg::config {
namespace {

Schema Of(Schema::Type type) {
  Schema schema;
  schema.type = type;
  return schema;
}

Schema ListOf(Schema values) {
  Schema schema = Of(Schema::Type::kList);
  schema.values = std::make_shared<Schema>(std::move(values));
  return schema;
}

Schema MapOf(std::vector<Schema::Field> fields) {
  Schema schema = Of(Schema::Type::kMap);
  schema.fields = std::move(fields);
  return schema;
}

Value Text(const char* text) {
  Value value;
  value.kind = Value::Kind::kString;
  value.text = text;
  return value;
}

// The value as JSON, or the errors.
std::string Checked(const Schema& schema, const std::string& yaml, bool fill = true) {
  ::setenv("SET", "12", 1);
  Diagnostics diagnostics;
  diagnostics.files = {"c.yaml"};
  diagnostics.directories = {"/conf"};
  FileList list;
  list.emplace_back("/conf/key", "hush\n");
  MemoryFiles files(std::move(list));
  std::optional<Node> node = ParseYaml(yaml, 0, diagnostics);
  if (!node) return diagnostics.ToString();
  auto check = fill ? Check : CheckGiven;
  Value value = check(schema, &*node, node->position, "p", files, diagnostics);
  return diagnostics.failed() ? diagnostics.ToString() : value.ToJson();
}

TEST(Schema, Scalars) {
  using T = Schema::Type;
  EXPECT_EQ(Checked(Of(T::kBool), "true"), "true");
  EXPECT_EQ(Checked(Of(T::kInteger), "-5"), "-5");
  EXPECT_EQ(Checked(Of(T::kNumber), "2.5"), "2.5");
  EXPECT_EQ(Checked(Of(T::kString), "on"), "\"on\"");
  EXPECT_EQ(Checked(Of(T::kString), "12"), "\"12\"");
  EXPECT_EQ(Checked(Of(T::kDuration), "250ms"), "0.25");
  EXPECT_EQ(Checked(Of(T::kSize), "1k"), "1024");
  EXPECT_EQ(Checked(Of(T::kRate), "600/m"), "10");
  EXPECT_EQ(Checked(Of(T::kShare), "20%"), "0.2");
  EXPECT_EQ(Checked(Of(T::kPath), "../a.lua"), "\"/a.lua\"");
  EXPECT_EQ(Checked(Of(T::kAddress), "unix:a"), "\"unix:/conf/a\"");
  EXPECT_EQ(Checked(Of(T::kSecret), "file:key"), "\"hush\"");
  EXPECT_EQ(Checked(Of(T::kSecret), "plain"), "\"plain\"");
  EXPECT_EQ(Checked(Of(T::kInteger), "1.5"), "c.yaml:1:1: expected an integer, found \"1.5\" (p)\n");
  EXPECT_EQ(Checked(Of(T::kNumber), "\"1\""), "c.yaml:1:1: expected a number, found \"1\" (p)\n");
  EXPECT_EQ(Checked(Of(T::kSecret), "file:none"), "c.yaml:1:1: cannot read /conf/none: no such file (p)\n");
  EXPECT_EQ(Checked(Of(T::kString), "{a: 1}"), "c.yaml:1:1: expected a text, found a map (p)\n");
}

TEST(Schema, AnyFollowsYamlsCoreSchema) {
  EXPECT_EQ(Checked(Of(Schema::Type::kAny), "{a: 1, b: [on, true, 1.5, \"2\", ~, '', 0x10], c: {d: x}}"),
            R"({"a":1,"b":["on",true,1.5,"2",null,"",16],"c":{"d":"x"}})");
  EXPECT_EQ(Checked(Of(Schema::Type::kAny), "- \"${SET}\"\n- 1${SET}\n"), R"(["12",112])");
}

TEST(Schema, EnvironmentIsKeptWhereTheSchemaSaysSo) {
  Schema chunk = Of(Schema::Type::kString);
  chunk.environment = Schema::Environment::kKeep;
  Schema any = Of(Schema::Type::kAny);
  any.environment = Schema::Environment::kKeep;
  Schema path = Of(Schema::Type::kString);
  path.environment = Schema::Environment::kUnlessRegex;
  Schema map = MapOf({{"chunk", chunk},
                      {"text", Of(Schema::Type::kString)},
                      {"any", any},
                      {"path", ListOf(path)},
                      {"n", Of(Schema::Type::kInteger)}});
  EXPECT_EQ(Checked(map, "{chunk: 'a${SET}', text: 'a${SET}', any: ['${SET}'], path: ['/${SET}'], n: '${SET}'}"),
            R"({"chunk":"a${SET}","text":"a12","any":["${SET}"],"path":["/12"],"n":12})");
  EXPECT_EQ(Checked(path, "'~ ^/${SET}$'"), R"("~ ^/${SET}$")");
  EXPECT_EQ(Checked(Of(Schema::Type::kString), "'a$${SET}'"), R"("a${SET}")");
}

TEST(Schema, DefaultsAreFilledIn) {
  Schema text = Of(Schema::Type::kString);
  text.default_value = Text("d");
  Schema inner = MapOf({{"x", text}});
  inner.default_value = Value{.kind = Value::Kind::kMap};
  Schema absent = MapOf({{"x", text}});
  Schema map = MapOf({{"a", text}, {"inner", inner}, {"absent", absent}});
  EXPECT_EQ(Checked(map, "{}"), R"({"a":"d","inner":{"x":"d"}})");
  EXPECT_EQ(Checked(map, "{a: ~, inner: {x: y}, absent: {}}"), R"({"a":"d","inner":{"x":"y"},"absent":{"x":"d"}})");
  EXPECT_EQ(Checked(map, "{absent: {}}", false), R"({"absent":{}})");
  EXPECT_EQ(Checked(map, "~"), "null");
}

TEST(Schema, RequiredAndUnknown) {
  Schema text = Of(Schema::Type::kString);
  text.required = true;
  Schema map = MapOf({{"issuer", text}, {"other", Of(Schema::Type::kInteger)}});
  EXPECT_EQ(Checked(map, "{other: 1}"), "c.yaml:1:1: required: a text (p.issuer)\n");
  EXPECT_EQ(Checked(map, "issuer:\nother: 1\n"), "c.yaml:1:1: required: a text (p.issuer)\n");
  EXPECT_EQ(Checked(map, "isuer: x\n"), "c.yaml:1:1: unknown key \"isuer\"; did you mean \"issuer\"? (p.isuer)\n");
  EXPECT_EQ(Checked(map, "{issuer: x, \"a b\": 1}"),
            "c.yaml:1:13: unknown key \"a b\"; known here: issuer and other (p[\"a b\"])\n");
  EXPECT_EQ(Checked(MapOf({}), "{a: 1}"), "c.yaml:1:2: unknown key \"a\"; none is known here (p.a)\n");
  EXPECT_EQ(Checked(text, "~"), "c.yaml:1:1: required: a text (p)\n");
}

TEST(Schema, RangesAndLengths) {
  Schema number = Of(Schema::Type::kNumber);
  number.minimum = 0.5;
  number.maximum = 2;
  EXPECT_EQ(Checked(number, "2"), "2");
  EXPECT_EQ(Checked(number, "0.25"), "c.yaml:1:1: must be at least 0.5 (p)\n");
  EXPECT_EQ(Checked(number, "3"), "c.yaml:1:1: must be at most 2 (p)\n");
  EXPECT_EQ(Checked(number, ".nan"), "c.yaml:1:1: must be at least 0.5 (p)\n");
  Schema time = Of(Schema::Type::kDuration);
  time.maximum = 90;
  EXPECT_EQ(Checked(time, "2m"), "c.yaml:1:1: must be at most 90s (p)\n");
  Schema rate = Of(Schema::Type::kRate);
  rate.minimum = 1;
  EXPECT_EQ(Checked(rate, "1/m"), "c.yaml:1:1: must be at least 1/s (p)\n");
  Schema text = Of(Schema::Type::kString);
  text.minimum = 2;
  EXPECT_EQ(Checked(text, "a"), "c.yaml:1:1: its length must be at least 2 (p)\n");
}

TEST(Schema, ListsAndFreeMaps) {
  Schema list = ListOf(Of(Schema::Type::kInteger));
  list.min_items = 1;
  list.max_items = 2;
  EXPECT_EQ(Checked(list, "[1, 2]"), "[1,2]");
  EXPECT_EQ(Checked(list, "[]"), "c.yaml:1:1: needs at least 1 item (p)\n");
  EXPECT_EQ(Checked(list, "[1, 2, 3]"), "c.yaml:1:1: has 3 items; at most 2 are allowed (p)\n");
  EXPECT_EQ(Checked(list, "[1, x]"), "c.yaml:1:5: expected an integer, found \"x\" (p[1])\n");
  EXPECT_EQ(Checked(list, "[1, ~]"), "c.yaml:1:5: an empty item: expected an integer (p[1])\n");
  EXPECT_EQ(Checked(Of(Schema::Type::kList), "[1, x]"), "[1,\"x\"]");
  Schema free = Of(Schema::Type::kMap);
  free.values = std::make_shared<Schema>(Of(Schema::Type::kSize));
  EXPECT_EQ(Checked(free, "{a: 1k, b: 2}"), R"({"a":1024,"b":2})");
  EXPECT_EQ(Checked(free, "{a: x}"), "c.yaml:1:5: \"x\": not a size such as 512, 16KiB, 10MiB or 1GiB (p.a)\n");
}

TEST(Schema, OneOfAndPattern) {
  Schema word = Of(Schema::Type::kString);
  word.one_of = {"sliding_window", "token_bucket"};
  EXPECT_EQ(Checked(word, "token_bucket"), "\"token_bucket\"");
  EXPECT_EQ(Checked(word, "tokenbucket"),
            "c.yaml:1:1: expected sliding_window or token_bucket, found \"tokenbucket\"; did you mean "
            "\"token_bucket\"? (p)\n");
  Schema pattern = Of(Schema::Type::kString);
  pattern.pattern = "[a-z]+";
  EXPECT_EQ(Checked(pattern, "abc"), "\"abc\"");
  EXPECT_EQ(Checked(pattern, "abc1"), "c.yaml:1:1: \"abc1\" does not match [a-z]+ (p)\n");
  EXPECT_EQ(Checked(pattern, std::string(5000, 'a')).substr(0, 12), "c.yaml:1:1: ");
  pattern.pattern = "[";
  EXPECT_EQ(Checked(pattern, "a").substr(0, 41), "c.yaml:1:1: the schema's pattern is broke");
}

TEST(Schema, Groups) {
  Schema text = Of(Schema::Type::kString);
  Schema map = MapOf({{"secret", text}, {"jwks", text}, {"file", text}});
  map.exactly_one_of = {{"secret", "jwks", "file"}};
  EXPECT_EQ(Checked(map, "{jwks: a}"), R"({"jwks":"a"})");
  EXPECT_EQ(Checked(map, "{}"), "c.yaml:1:1: exactly one of secret, jwks or file is required (p)\n");
  EXPECT_EQ(Checked(map, "{jwks: a, file: b}"),
            "c.yaml:1:11: exactly one of secret, jwks or file may be given: \"jwks\" is, at line 1 (p.file)\n");
  map.exactly_one_of.clear();
  map.at_least_one_of = {{"secret", "jwks"}};
  EXPECT_EQ(Checked(map, "{secret: a, jwks: b}"), R"({"secret":"a","jwks":"b"})");
  EXPECT_EQ(Checked(map, "{file: a}"), "c.yaml:1:1: at least one of secret or jwks is required (p)\n");
}

TEST(Schema, Alternatives) {
  Schema number = Of(Schema::Type::kInteger);
  number.minimum = 1;
  number.maximum = 9;
  Schema automatic = Of(Schema::Type::kString);
  automatic.one_of = {"auto"};
  Schema map = MapOf({{"n", number}});
  number.alternatives = {automatic, map};
  EXPECT_EQ(Checked(number, "3"), "3");
  EXPECT_EQ(Checked(number, "auto"), "\"auto\"");
  EXPECT_EQ(Checked(number, "{n: 4}"), R"({"n":4})");
  EXPECT_EQ(Checked(number, "{n: 40}"), "c.yaml:1:5: must be at most 9 (p.n)\n");
  EXPECT_EQ(Checked(number, "outo"),
            "c.yaml:1:1: expected an integer from 1 to 9, auto or a map, found \"outo\"; did you mean \"auto\"? (p)\n");
  EXPECT_EQ(Checked(number, "[1]"), "c.yaml:1:1: expected an integer from 1 to 9, auto or a map, found a list (p)\n");
  EXPECT_EQ(Checked(number, "\"${SET}\""), "c.yaml:1:1: must be at most 9 (p)\n");
}

TEST(Schema, SecretsAreNotPrinted) {
  Schema secret = Of(Schema::Type::kSecret);
  secret.minimum = 100;
  EXPECT_EQ(Checked(secret, "hunter2"), "c.yaml:1:1: its length must be at least 100 (p)\n");
  secret.minimum = 0;
  secret.pattern = "x";
  EXPECT_EQ(Checked(secret, "hunter2").find("hunter2"), std::string::npos);
  for (auto type : {Schema::Type::kBool, Schema::Type::kDuration, Schema::Type::kAddress, Schema::Type::kRate}) {
    EXPECT_EQ(Checked(Of(type), "'x${SET}x'").find("12"), std::string::npos);
  }
  Value value = Text("hunter2");
  value.secret = true;
  EXPECT_EQ(Quote(value), "***");
}

TEST(Schema, ValuesKnowTheirNode) {
  Diagnostics diagnostics;
  diagnostics.files = {"c.yaml"};
  diagnostics.directories = {"/"};
  MemoryFiles files(FileList{});
  Schema map = MapOf({{"raw", Of(Schema::Type::kRaw)}});
  auto node = ParseYaml("raw: {a: [1]}\n", 0, diagnostics);
  Value value = Check(map, &*node, {}, "", files, diagnostics);
  ASSERT_NE(value.Find("raw"), nullptr);
  EXPECT_EQ(value.Find("raw")->node, node->Find("raw"));
  EXPECT_EQ(value.Find("raw")->position.column, 6u);
  EXPECT_EQ(value.Find("x"), nullptr);
}

TEST(Schema, AsJsonSchema) {
  Schema number = Of(Schema::Type::kInteger);
  number.minimum = 1;
  number.doc = "How \"many\".";
  number.required = true;
  EXPECT_EQ(ToJsonSchema(MapOf({{"n", number}})), R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "n": {
      "description": "How \"many\".",
      "type": ["integer", "string"],
      "minimum": 1,
      "pattern": "\\$\\{"
    }
  },
  "additionalProperties": false,
  "required": ["n"]
}
)");
}

TEST(Diagnostics, AreInFileOrder) {
  Diagnostics diagnostics;
  diagnostics.files = {"a", "b"};
  diagnostics.Error({1, 1, 1}, "x", "fourth");
  diagnostics.Error({0, 2, 5}, "x", "third");
  diagnostics.Warning({0, 2, 1}, "", "second");
  diagnostics.Error({0, 1, 9}, "x", "first");
  diagnostics.ErrorIn("z.lua", 3, 1, "p", "last");
  diagnostics.ErrorIn("b", 9, 1, "", "fifth");
  EXPECT_EQ(diagnostics.ToString(),
            "a:1:9: first (x)\na:2:1: warning: second\na:2:5: third (x)\nb:1:1: fourth (x)\nb:9:1: fifth\nz.lua:3:1: "
            "last (p)\n");
  EXPECT_TRUE(diagnostics.failed());
}

TEST(Diagnostics, WarningsDoNotFail) {
  Diagnostics diagnostics;
  diagnostics.Warning({0, 1, 1}, "", "w");
  EXPECT_FALSE(diagnostics.failed());
}

}  // namespace
}  // namespace mg::config
