#include "script/json_codec.h"

#include <gtest/gtest.h>

#include <luajit-2.1/lua.hpp>

#include <string>

namespace mg::script {
namespace {

class JsonCodec : public testing::Test {
 protected:
  JsonCodec() : L(luaL_newstate()) {
    luaL_openlibs(L);
    PreloadJson(L);
    Run("cjson = require 'cjson'  safe = require 'cjson.safe'  return ''");
  }
  ~JsonCodec() override { lua_close(L); }

  // What the chunk returns as text, or "error: ...".
  std::string Run(const std::string& chunk) {
    lua_settop(L, 0);
    if (luaL_loadbuffer(L, chunk.data(), chunk.size(), "=t") != 0 || lua_pcall(L, 0, 1, 0) != 0) {
      return std::string("error: ") + lua_tostring(L, -1);
    }
    size_t size;
    ToText(L);
    const char* text = lua_tolstring(L, -1, &size);
    return {text, size};
  }
  std::string RoundTrip(const std::string& json) { return Run("return cjson.encode(cjson.decode [=[" + json + "]=])"); }
  std::string Decode(const std::string& json) {
    return Run("local v, e = safe.decode [=[" + json +
               "]=] if e then return e end return type(v) .. ' ' .. tostring(v)");
  }

 private:
  static void ToText(lua_State* state) {
    lua_getglobal(state, "tostring");
    lua_insert(state, -2);
    lua_call(state, 1, 1);
  }

 protected:
  lua_State* L;
};

TEST_F(JsonCodec, DecodesWhatTheGrammarHas) {
  EXPECT_EQ(
      Run(R"(local v = cjson.decode ' {"a":[1,-2.5e3,true,false,null,"x\\u00e9\\ud83d\\ude00\\n\\/"],"b":{"c":{}}} '
    local a = v.a
    return table.concat({a[1], a[2], tostring(a[3]), tostring(a[4]), tostring(a[5] == cjson.null), a[6], type(v.b.c)}, '|'))"),
      "1|-2500|true|false|true|x\u00e9\U0001F600\n/|table");
}

TEST_F(JsonCodec, NumbersAreDoubles) {
  EXPECT_EQ(Run("return string.format('%.17g', cjson.decode '9007199254740993')"), "9007199254740992");
  EXPECT_EQ(Run("return string.format('%.17g', cjson.decode '123456789012345678901234567890')"),
            "1.2345678901234568e+29");
  EXPECT_EQ(Run("return string.format('%.17g', cjson.decode '-0.1e-2')"), "-0.001");
  EXPECT_EQ(Run("return cjson.decode '1e999' == math.huge"), "true");
  EXPECT_EQ(RoundTrip("[0,1,-1,0.5,100000000000000,99999999999999,1e15,12345.678]"),
            "[0,1,-1,0.5,1e+14,99999999999999,1e+15,12345.678]");
}

TEST_F(JsonCodec, OddNumbersAreTakenUnlessRefused) {
  EXPECT_EQ(Run("return cjson.decode '0x1f'"), "31");
  EXPECT_EQ(Run("local v = cjson.decode 'nan' return v ~= v"), "true");
  EXPECT_EQ(Run("return cjson.decode('[-Infinity]')[1] == -math.huge"), "true");
  EXPECT_EQ(Run("cjson.decode_invalid_numbers(false) local ok, e = pcall(cjson.decode, '[01]') return e"),
            "Expected value but found invalid number at character 2");
}

TEST_F(JsonCodec, TellsWhatIsWrongAndWhere) {
  EXPECT_EQ(Decode(""), "Expected value but found T_END at character 1");
  EXPECT_EQ(Decode("hello"), "Expected value but found invalid token at character 1");
  EXPECT_EQ(Decode("{1:2}"), "Expected object key string but found T_NUMBER at character 2");
  EXPECT_EQ(Decode("{\"a\" 1}"), "Expected colon but found T_NUMBER at character 6");
  EXPECT_EQ(Decode("{\"a\":1,}"), "Expected object key string but found T_OBJ_END at character 8");
  EXPECT_EQ(Decode("[1 2]"), "Expected comma or array end but found T_NUMBER at character 4");
  EXPECT_EQ(Decode("[1]]"), "Expected the end but found T_ARR_END at character 4");
  EXPECT_EQ(Decode("[,]"), "Expected value but found T_COMMA at character 2");
  EXPECT_EQ(Decode("\"abc"), "Expected value but found unexpected end of string at character 1");
  EXPECT_EQ(Decode("\"a\\x\""), "Expected value but found invalid escape code at character 3");
  EXPECT_EQ(Decode("\"\\ud800\""), "Expected value but found invalid unicode escape code at character 2");
  EXPECT_EQ(Decode("\"\\u12\""), "Expected value but found invalid unicode escape code at character 2");
  EXPECT_EQ(Decode("\"\\"), "Expected value but found unexpected end of string at character 1");
  EXPECT_EQ(Run("return select(2, safe.decode '\\0\"x\"')"), "JSON parser does not support UTF-16 or UTF-32");
  EXPECT_EQ(Run("local v = cjson.decode 'x' return v"),
            "error: t:1: Expected value but found invalid token at character 1");
}

TEST_F(JsonCodec, DepthIsLimited) {
  EXPECT_EQ(Run("return select(2, safe.decode(('['):rep(1001) .. (']'):rep(1001)))"),
            "Found too many nested data structures (1001) at character 1001");
  EXPECT_EQ(Run("return type(cjson.decode(('['):rep(1000) .. (']'):rep(1000)))"), "table");
  EXPECT_EQ(Run("local t = {} t[1] = t return select(2, safe.encode(t))"), "Cannot serialise, excessive depth (1001)");
  EXPECT_EQ(
      Run("cjson.decode_max_depth(1e6) local ok, e = pcall(cjson.decode, ('['):rep(100000)) return e:match 'too many'"),
      "too many");
  EXPECT_EQ(Run("cjson.encode_max_depth(2) return cjson.encode({{1}})"), "[[1]]");
}

TEST_F(JsonCodec, ContainersOfEverySizeKeepWhatTheyHold) {
  EXPECT_EQ(Run(R"(for n = 0, 300 do
      local list, map = {}, {}
      for i = 1, n do list[i] = i  map['k' .. i] = i end
      local a, m = cjson.decode(cjson.encode(list)), n > 0 and cjson.decode(cjson.encode(map)) or {}
      if #a ~= n then return 'list ' .. n end
      local count = 0
      for k, v in pairs(m) do if map[k] ~= v then return 'map ' .. n end count = count + 1 end
      for i = 1, n do if a[i] ~= i then return 'order ' .. n end end
      if count ~= n then return 'members ' .. n end
    end return 'good')"),
            "good");
  EXPECT_EQ(Run("return cjson.decode('{\"a\":1,\"a\":2}').a"), "2");
}

TEST_F(JsonCodec, StringsAreEscaped) {
  EXPECT_EQ(Run("return cjson.encode('a\"b\\\\c/d\\0\\1\\31\\127\\n\\t\\b\\f\\r\xc3\xa9')"),
            "\"a\\\"b\\\\c\\/d\\u0000\\u0001\\u001f\\u007f\\n\\t\\b\\f\\r\xc3\xa9\"");
  EXPECT_EQ(Run(R"(for n = 0, 70 do for _, c in ipairs { '"', '\\', '/', '\1', '\127' } do
      for at = 0, n do
        local s = ('x'):rep(at) .. c .. ('y'):rep(n - at)
        if cjson.decode(cjson.encode(s)) ~= s then return n .. ' ' .. at end
      end end end return 'good')"),
            "good");
  EXPECT_EQ(Run("cjson.encode_escape_forward_slash(false) return cjson.encode '/'"), "\"/\"");
}

TEST_F(JsonCodec, ArraysAndObjectsAreToldApart) {
  EXPECT_EQ(RoundTrip("[]"), "{}");
  EXPECT_EQ(Run("cjson.decode_array_with_array_mt(true) return cjson.encode(cjson.decode '{\"a\":[]}')"), "{\"a\":[]}");
  EXPECT_EQ(Run("return getmetatable(cjson.new().decode '[]')"), "nil");
  EXPECT_EQ(Run("return cjson.encode { a = cjson.empty_array }"), "{\"a\":[]}");
  EXPECT_EQ(Run("return cjson.encode(setmetatable({}, cjson.empty_array_mt))"), "[]");
  EXPECT_EQ(Run("return cjson.encode(setmetatable({ a = 1 }, cjson.empty_array_mt))"), "{\"a\":1}");
  EXPECT_EQ(Run("return cjson.encode(setmetatable({ 1, nil, 3, 4 }, cjson.array_mt))"), "[1,null,3,4]");
  EXPECT_EQ(Run("return cjson.encode(setmetatable({ x = 1 }, cjson.array_mt))"), "[]");
  EXPECT_EQ(Run("cjson.encode_empty_table_as_object(false) return cjson.encode {}"), "[]");
  EXPECT_EQ(Run("return cjson.encode { [3] = 'x' }"), "[null,null,\"x\"]");
  EXPECT_EQ(Run("return cjson.array_mt == safe.array_mt and cjson.null == safe.null"), "true");
}

TEST_F(JsonCodec, SparseArraysFollowTheirSettings) {
  EXPECT_EQ(Run("return select(2, safe.encode { [1000] = 1 })"), "Cannot serialise table: excessively sparse array");
  EXPECT_EQ(Run("cjson.encode_sparse_array(true) return cjson.encode { [1000] = 1 }"), "{\"1000\":1}");
  EXPECT_EQ(Run("return cjson.encode { [0] = 1 }"), "{\"0\":1}");
  EXPECT_EQ(Run("return cjson.encode { [1.5] = 1 }"), "{\"1.5\":1}");
  EXPECT_EQ(Run("return table.concat({ tostring((cjson.encode_sparse_array())), select(2, cjson.encode_sparse_array()) "
                "}, ' ')"),
            "true 2 10");
}

TEST_F(JsonCodec, RefusesWhatHasNoJson) {
  EXPECT_EQ(Run("return select(2, safe.encode(print))"), "Cannot serialise function: type not supported");
  EXPECT_EQ(Run("return select(2, safe.encode { [true] = 1 })"),
            "Cannot serialise boolean: table key must be a number or string");
  EXPECT_EQ(Run("return select(2, safe.encode(0/0))"), "Cannot serialise number: must not be NaN or Inf");
  EXPECT_EQ(Run("cjson.encode_invalid_numbers('null') return cjson.encode { 1/0 }"), "[null]");
  EXPECT_EQ(Run("cjson.encode_invalid_numbers(true) return cjson.encode { -1/0 }"), "[-Infinity]");
  EXPECT_EQ(Run("cjson.encode_skip_unsupported_value_types(true) return cjson.encode { a = print, b = 1 }"),
            "{\"b\":1}");
  EXPECT_EQ(Run("return select(2, pcall(cjson.encode)):match '%(.*'"), "(expected 1 argument)");
}

TEST_F(JsonCodec, InstancesHaveTheirOwnSettings) {
  EXPECT_EQ(
      Run("local own = cjson.new() own.encode_number_precision(3) return own.encode(1.23456) .. cjson.encode(1.23456)"),
      "1.231.23456");
  EXPECT_EQ(Run("return cjson._NAME .. cjson._VERSION .. tostring(cjson.encode_keep_buffer())"), "cjson2.1.0true");
  EXPECT_EQ(Run("return select(2, pcall(cjson.encode_number_precision, 99)):match '%(.*'"),
            "(expected integer between 1 and 17)");
}

TEST_F(JsonCodec, HugeOutputOfSharedTablesIsRefused) {
  EXPECT_EQ(Run("local t = { ('x'):rep(1000) } for i = 1, 40 do t = { t, t } end return select(2, safe.encode(t))"),
            "Cannot serialise table: the text is too long");
}

}  // namespace
}  // namespace mg::script
