// The editors' annotations in lua/meta hold against the real API: what either has, the other has, of the same kind.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "script/test_support.h"

namespace mg::script {
namespace {

namespace fs = std::filesystem;

// Runs in a request. Annotations are Lua: run with an `ngx` of their own, they make the tables that they describe.
constexpr const char* kCompare = R"lua(
local root = ...
local real_ngx, problems = ngx, {}

local function complain(...)
  problems[#problems + 1] = table.concat({...})
end

local function run(file)
  local made = setmetatable({}, { __index = _G })
  local chunk = assert(loadfile(root .. "/" .. file))
  setfenv(chunk, made)
  if file ~= "ngx.lua" then
    made.ngx = real_ngx
  end
  local answer = chunk()
  return answer or made.ngx
end

-- How many parameters a Lua function names; nil: it takes any number.
local function parameters(f, method)
  local info = debug.getinfo(f, "Su")
  if info.what == "C" or info.isvararg then
    return nil
  end
  return info.nparams
end

local function compare(name, real, meta, dynamic)
  for key, value in pairs(real) do
    local other, place = meta[key], name .. "." .. tostring(key)
    if other == nil then
      complain(place, " is not annotated")
    elseif type(other) ~= type(value) then
      complain(place, " is a ", type(value), ", and annotated as a ", type(other))
    elseif type(value) == "function" then
      local has, told = parameters(value), parameters(other)
      if has and told and has ~= told then
        complain(place, " takes ", has, " arguments, and is annotated with ", told)
      end
    elseif type(value) == "table" and not (dynamic and dynamic[key]) then
      compare(place, value, other)
    elseif type(value) ~= "table" and value ~= other then
      complain(place, " is ", tostring(value), ", and annotated as ", tostring(other))
    end
  end
  for key in pairs(meta) do
    if real[key] == nil then
      complain(name, ".", tostring(key), " is annotated, but does not exist")
    end
  end
end

-- Their keys are names of variables, fields and dictionaries.
compare("ngx", real_ngx, run("ngx.lua"), { var = true, header = true, arg = true, shared = true, ctx = true })

-- Modules: those that are loaded or embedded, and those that are annotated.
local named = {}
for name in string.gmatch(MODULES, "%S+") do
  named[name] = true
end
for name in pairs(package.loaded) do
  if string.find(name, "^ngx%.") then
    named[name] = true
  end
end
for name in string.gmatch(ANNOTATED, "%S+") do
  named[name] = true
end
for name in pairs(named) do
  local file = string.gsub(name, "%.", "/") .. ".lua"
  local there, module = pcall(require, name)
  local known, meta = pcall(run, file)
  if not there then
    complain(name, " is annotated, but cannot be required: ", tostring(module))
  elseif not known then
    complain(name, " has no annotations: ", tostring(meta))
  else
    compare(name, module, meta)
  end
end

-- Objects, by their methods.
local function methods_of(object)
  local index = getmetatable(object).__index
  if type(index) == "table" then
    return index
  end
  for i = 1, 10 do -- a function that also answers what is no method
    local name, value = debug.getupvalue(index, i)
    if name == "methods" then
      return value
    end
  end
end
local objects = {
  tcp = real_ngx.socket.tcp(),
  udp = real_ngx.socket.udp(),
  shared_dict = real_ngx.shared.d,
  process = require("ngx.pipe").spawn { "/bin/true" },
  redis = REDIS,
}
for name, object in pairs(objects) do
  compare(name, methods_of(object), run("objects/" .. name .. ".lua"))
end
for name in string.gmatch(OBJECTS, "%S+") do
  if objects[name] == nil then
    complain("objects/", name, ".lua is of an object that this test does not know")
  end
end
return table.concat(problems, "\n")
)lua";

// "ngx.balancer ngx.ssl.clienthello ": modules below a folder, by their files.
std::string ModulesIn(const fs::path& root, const std::string& folder) {
  std::string names;
  for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
    if (entry.path().extension() != ".lua") continue;
    std::string name = fs::relative(entry.path(), root).replace_extension().generic_string();
    std::replace(name.begin(), name.end(), '/', '.');
    names += name + " ";
  }
  return names;
}

class MetaTest : public ScriptTest {
 protected:
  std::string Compare(const fs::path& root) {
    // Those that a script may require; the rest of lua/moongate makes the VM.
    std::string modules =
        "moongate.balancer moongate.http moongate.identity moongate.problem moongate.redis ngx.balancer ngx.errlog "
        "ngx.ocsp ngx.re ngx.ssl ngx.ssl.clienthello";
    std::string objects;
    for (const auto& entry : fs::directory_iterator(root / "objects")) objects += entry.path().stem().string() + " ";
    std::string globals = "local MODULES, OBJECTS = '" + modules + "', '" + objects + "'\n" + "local ANNOTATED = '" +
                          ModulesIn(root, "ngx") + ModulesIn(root, "moongate") + "'\n";
    std::string chunk = "local function all(...)\n" + globals + kCompare + "\nend\n" + "ngx.print(all('" +
                        fs::absolute(root).string() + "'))";
    std::string loaded = Load("  - { match: { path: /t }, content: meta.lua }\n", {{"/conf/meta.lua", chunk}},
                              "lua: { strict_globals: false, shared_dicts: { d: 100KiB }, limits: { cpu: 10s },\n"
                              "       init: { lua: 'REDIS = require(\"moongate.redis\").get \"main\"' } }\n");
    if (!loaded.empty()) return loaded;
    TestResponse response = Fetch("/t");
    return response.status == 200 ? response.body : log.text;
  }
};

// Tests run in the source folder.
TEST_F(MetaTest, AnnotationsAndTheRealTablesAreTheSame) { EXPECT_EQ(Compare("lua/meta"), ""); }

TEST_F(MetaTest, WhatIsMissingOrTooMuchIsFound) {
  std::string pattern = (fs::temp_directory_path() / "moongate-meta-XXXXXX").string();
  fs::path root = mkdtemp(pattern.data());
  fs::copy("lua/meta", root, fs::copy_options::recursive);
  auto edit = [&](const char* name, const std::string& from, const std::string& to) {
    std::ifstream in(root / name);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(root / name) << text;
  };
  edit("ngx.lua", "function ngx.say(", "function ngx.said(");
  edit("ngx.lua", "ngx.HTTP_OK = 200", "ngx.HTTP_OK = 201");
  edit("ngx/balancer.lua", "(count)", "(count, more)");
  edit("objects/tcp.lua", "function tcp:receive(", "function tcp:received(");
  fs::remove(root / "ngx" / "errlog.lua");
  std::string told = Compare(root);
  fs::remove_all(root);
  for (const char* expected :
       {"ngx.say is not annotated", "ngx.said is annotated, but does not exist",
        "ngx.HTTP_OK is 200, and annotated as 201", "ngx.balancer.set_more_tries takes 1 arguments",
        "tcp.receive is not annotated", "ngx.errlog has no annotations"}) {
    EXPECT_NE(told.find(expected), std::string::npos) << expected << " in:\n" << told;
  }
}

}  // namespace
}  // namespace mg::script
