#include "script/vm.h"

#include "script/embedded.h"
#include "script/json_codec.h"
#include "script/pipes.h"
#include "script/regex.h"
#include "script/scheduler.h"
#include "script/semaphores.h"
#include "script/surface.h"

namespace mg::script {
namespace {

constexpr const char* kDebianPath =
    "/usr/local/share/lua/5.1/?.lua;/usr/local/share/lua/5.1/?/init.lua;/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/"
    "init.lua";
constexpr const char* kDebianCpath = "/usr/local/lib/lua/5.1/?.so;/usr/lib/x86_64-linux-gnu/lua/5.1/?.so";

void SetField(lua_State* L, const char* table, const char* key, const std::string& value) {
  lua_getglobal(L, table);
  lua_pushlstring(L, value.data(), value.size());
  lua_setfield(L, -2, key);
  lua_pop(L, 1);
}

Vm& VmOf(lua_State* L) { return *static_cast<Vm*>(lua_touserdata(L, lua_upvalueindex(1))); }

// The part of moongate_ffi.h that ffi.cdef reads.
std::string SurfaceText() {
  std::string text;
  for (const EmbeddedFile& file : EmbeddedLua()) {
    if (file.name == "moongate_ffi.h") text = file.text;
  }
  size_t begin = text.find("/* ffi.cdef: from here */"), end = text.find("/* ffi.cdef: to here */");
  MG_CHECK(begin != std::string::npos && end != std::string::npos);
  text = text.substr(begin, end - begin);
  for (size_t at; (at = text.find(" MG_NOEXCEPT")) != std::string::npos;) text.erase(at, 12);
  return text;
}

// load_embedded(name): the chunk as a function, or nil and the error.
int LoadEmbedded(lua_State* L) {
  size_t size;
  const char* name = luaL_checklstring(L, 1, &size);
  if (Chunks::LoadEmbedded(L, std::string_view(name, size))) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

// The searcher that require() asks after package.preload: the roots, then what is embedded.
int SearchModule(lua_State* L) {
  size_t size;
  const char* name = luaL_checklstring(L, 1, &size);
  std::string tried;
  Chunks::Found found = VmOf(L).chunks().LoadModule(L, std::string(name, size), tried);
  switch (found.kind) {
    case Chunks::Found::Kind::kLoaded: return 1;
    case Chunks::Found::Kind::kFailed:
      return luaL_error(L, "error loading module '%s' from '%s':\n\t%s", name, found.path.c_str(), lua_tostring(L, -1));
    case Chunks::Found::Kind::kMissing: break;
  }
  lua_pushlstring(L, tried.data(), tried.size());
  return 1;
}

// The sandbox's: only a user's own modules. The function, or a text that tells where it was looked for.
int SearchOwn(lua_State* L) {
  size_t size;
  const char* name = luaL_checklstring(L, 1, &size);
  lua_settop(L, 1);
  std::string tried;
  Chunks::Found found = VmOf(L).chunks().LoadModule(L, std::string(name, size), tried);
  if (found.path.starts_with("embedded:")) lua_settop(L, 1);
  switch (lua_gettop(L) > 1 ? found.kind : Chunks::Found::Kind::kMissing) {
    case Chunks::Found::Kind::kLoaded: return 1;
    case Chunks::Found::Kind::kFailed:
      return luaL_error(L, "error loading module '%s' from '%s':\n\t%s", name, found.path.c_str(), lua_tostring(L, -1));
    case Chunks::Found::Kind::kMissing: break;
  }
  lua_pushlstring(L, tried.data(), tried.size());
  return 1;
}

}  // namespace

Result<std::unique_ptr<Vm>> Vm::Create(VmKind kind, const config::Lua& conf, Chunks& chunks, Surroundings around) {
  LinkSurface();
  around.semaphores = std::make_shared<Semaphores>();
  around.pipes = std::make_shared<Pipes>();
  std::unique_ptr<Vm> vm(new Vm(kind, conf, chunks, std::move(around)));
  if (auto opened = vm->Open(); !opened) return std::unexpected(opened.error());
  return vm;
}

Vm::Vm(VmKind kind, const config::Lua& conf, Chunks& chunks, Surroundings surroundings)
    : around(std::move(surroundings)),
      kind_(kind),
      conf_(conf),
      chunks_(&chunks),
      regexes_(std::make_unique<Regexes>(conf.regex)) {}

Vm::~Vm() {
  if (L_ == nullptr) return;
  ActiveVm active(this);
  limits_.Detach(L_);
  lua_close(L_);
}

Result<void> Vm::Open() {
  L_ = luaL_newstate();
  if (L_ == nullptr) return Fail(ErrorCode::kSystem, "no memory for a Lua state");
  if (auto prepared = Limits::Prepare(L_, limits_); !prepared) return prepared;
  limits_.SetCap(conf_.limits.memory);
  collect_at_ = conf_.limits.memory / 4 * 3;
  current_.phase = MG_PHASE_INIT;
  lua_pushcfunction(L_, OpenProtected);
  lua_pushlightuserdata(L_, this);
  if (!Call(1, 1, Budget{})) {
    Error error{ErrorCode::kScript, Origin::kGateway, Retryable::kNo, lua_tostring(L_, -1)};
    lua_pop(L_, 1);
    return std::unexpected(std::move(error));
  }
  runtime_ref_ = luaL_ref(L_, LUA_REGISTRYINDEX);
  return {};
}

// Loads the runtime, which answers its table.
int Vm::OpenProtected(lua_State* L) {
  Vm& vm = *static_cast<Vm*>(lua_touserdata(L, 1));
  luaL_openlibs(L);
  PreloadJson(L);
  std::string path;
  for (const std::string& root : vm.conf_.path) path += root + "/?.lua;" + root + "/?/init.lua;";
  SetField(L, "package", "path", path + kDebianPath);
  std::string cpath;
  for (const std::string& root : vm.conf_.cpath) cpath += root + "/?.so;";
  SetField(L, "package", "cpath", cpath + kDebianCpath);

  lua_getglobal(L, "table");
  lua_getfield(L, -1, "insert");
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaders");
  lua_remove(L, -2);
  lua_pushinteger(L, 2);
  lua_pushlightuserdata(L, &vm);
  lua_pushcclosure(L, SearchModule, 1);
  lua_call(L, 3, 0);
  lua_pop(L, 1);

  if (!Chunks::LoadEmbedded(L, "moongate/runtime.lua")) return lua_error(L);
  std::string surface = SurfaceText();
  lua_pushlstring(L, surface.data(), surface.size());
  lua_pushcfunction(L, LoadEmbedded);
  lua_pushlightuserdata(L, Scheduler::Token());
  lua_call(L, 3, 1);
  if (vm.kind_ == VmKind::kUntrusted) OpenSandbox(L);
  return 1;
}

// The runtime's table is on top. The globals of all that is loaded from now on are the sandbox's.
void Vm::OpenSandbox(lua_State* L) {
  if (!Chunks::LoadEmbedded(L, "moongate/sandbox.lua")) lua_error(L);
  lua_pushvalue(L, -2);
  lua_pushlightuserdata(L, lua_touserdata(L, 1));
  lua_pushcclosure(L, SearchOwn, 1);
  lua_call(L, 2, 1);
  lua_replace(L, LUA_GLOBALSINDEX);
}

int Vm::Resume(lua_State* coroutine, int arguments, const Budget& budget) {
  ActiveVm active(this);
  running_ = true;
  limits_.Enter(budget);
  int status = lua_resume(coroutine, arguments);
  limits_.Leave();
  running_ = false;
  return status;
}

bool Vm::Call(int arguments, int results, const Budget& budget) {
  ActiveVm active(this);
  int function = lua_gettop(L_) - arguments;
  lua_pushcfunction(L_, [](lua_State* L) {
    luaL_traceback(L, L, lua_tostring(L, 1) != nullptr ? lua_tostring(L, 1) : "(an error that is not a text)", 1);
    return 1;
  });
  lua_insert(L_, function);
  running_ = true;
  limits_.Enter(budget);
  int status = lua_pcall(L_, arguments, results, function);
  limits_.Leave();
  running_ = false;
  lua_remove(L_, function);
  return status == 0;
}

std::string Vm::ErrorText(lua_State* coroutine) {
  std::string text;
  if (limits_.stopped() != Stopped::kNo) {
    text = limits_.StoppedText();
  } else if (lua_type(coroutine, -1) == LUA_TSTRING || lua_type(coroutine, -1) == LUA_TNUMBER) {
    size_t size;
    const char* message = lua_tolstring(coroutine, -1, &size);
    text.assign(message, size);
  } else {
    text = std::string("an error that is a ") + luaL_typename(coroutine, -1);
  }
  lua_pop(coroutine, 1);
  luaL_traceback(L_, coroutine, nullptr, 0);
  if (const char* trace = lua_tostring(L_, -1); trace != nullptr) text += std::string("\n") + trace;
  lua_pop(L_, 1);
  return text;
}

void Vm::PushRuntime(const char* name) {
  lua_rawgeti(L_, LUA_REGISTRYINDEX, runtime_ref_);
  lua_getfield(L_, -1, name);
  lua_remove(L_, -2);
}

void Vm::MakeStrict() {
  if (!conf_.strict_globals) return;
  lua_rawgeti(L_, LUA_REGISTRYINDEX, runtime_ref_);
  lua_getfield(L_, -1, "strict_environment");
  lua_setfenv(L_, -3);
  lua_pop(L_, 1);
}

void Vm::CollectIfNeeded() {
  if (limits_.heap() < collect_at_) return;
  ActiveVm active(this);
  lua_cpcall(
      L_, [](lua_State* L) { return lua_gc(L, LUA_GCCOLLECT, 0); }, nullptr);  // finalizers may fail
  size_t live = limits_.heap(), cap = conf_.limits.memory;
  collect_at_ = std::max(cap / 4 * 3, live < cap ? live + (cap - live) / 2 : cap);
}

}  // namespace mg::script
