-- SPDX-License-Identifier: Apache-2.0
-- A run through the language and its libraries, as often as the first argument says. No table has a key that
-- is an address: what is called must be the same in every run.
local function once()
  local t = {} for i = 1, 200 do t[i] = (i * 7919) % 211 end table.sort(t)
  local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
  local s = string.rep("abc ", 50):gsub("%w+", function(w) return w:upper() end)
  local co = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i) end end) co() co()
  setmetatable(t, {__index = function(_, k) return k end, __tostring = function() return "t" end})
  pcall(error, {1})
  return fib(15), tostring(t), string.format("%5.2f %s %q %d", 1.5, "x", "y", 3), #s, t.foo,
      load("return 1+2")(), math.floor(2.5), string.pack("i4d", 7, 2.5), utf8.char(8364)
end
for _ = 1, tonumber(arg and arg[1] or 1) do once() end
