-- Returns a thread's messages, unless they are too old.
-- KEYS  as in shelf.lua
-- ARGV  thread, ms they count
local at = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not at or tonumber(at) <= now_ms() - tonumber(ARGV[2]) then
  return ''
end
return redis.call('HGET', KEYS[1], ARGV[1]) or ''
