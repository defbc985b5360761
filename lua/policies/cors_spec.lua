-- Which origins a configuration allows. The policy's answers are in t/530_cors.t.
package.path = "lua/?.lua;" .. package.path
local cors = require "policies.cors"

local function compile(conf)
  conf.methods = conf.methods or { "GET" }
  conf.headers = conf.headers or { "*" }
  conf.max_age = conf.max_age or 600
  return cors.compile(conf)
end

describe("cors", function()
  it("allows exact origins, in any case, and no others", function()
    local conf = compile { origins = { "https://app.example.com" } }
    assert.is_true(cors.allows(conf, "https://app.example.com"))
    assert.is_true(cors.allows(conf, "HTTPS://App.Example.com"))
    for _, origin in ipairs {
      "http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.test",
      "https://evil.test/https://app.example.com", "null", "",
    } do
      assert.is_false(cors.allows(conf, origin), origin)
    end
  end)

  it("allows what is below a wildcard, not the domain itself nor a look-alike", function()
    local conf = compile { origins = { "https://*.example.com" } }
    assert.is_true(cors.allows(conf, "https://a.example.com"))
    assert.is_true(cors.allows(conf, "https://a.b.example.com"))
    for _, origin in ipairs {
      "https://example.com", "https://.example.com", "http://a.example.com", "https://evilexample.com",
      "https://a.example.com.evil.test", "https://evil.test/.example.com", "https://evil.test?x.example.com",
      "https://u@evil.test:1.example.com", "https://a.example.com:444",
    } do
      assert.is_false(cors.allows(conf, origin), origin)
    end
  end)

  it("keeps a wildcard's port", function()
    local conf = compile { origins = { "https://*.example.com:8443" } }
    assert.is_true(cors.allows(conf, "https://a.example.com:8443"))
    assert.is_false(cors.allows(conf, "https://a.example.com"))
  end)

  it("allows all with a star, but not with credentials", function()
    assert.is_true(cors.allows(compile { origins = { "*" } }, "https://any.test"))
    local ok, message = pcall(compile, { origins = { "*" }, credentials = true })
    assert.is_false(ok)
    assert.matches("origins must be named", message)
  end)
end)
