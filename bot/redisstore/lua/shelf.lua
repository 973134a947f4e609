-- Shared by the scripts about the shelf.
-- KEYS  messages by thread, threads by the ms they were shelved, bytes of all

-- around is what Redis needs for a thread besides its messages, measured.
local around = 300

local function unshelve(thread)
  local size = redis.call('HSTRLEN', KEYS[1], thread)
  if size > 0 then
    redis.call('DECRBY', KEYS[3], size + around)
  end
  redis.call('HDEL', KEYS[1], thread)
  redis.call('ZREM', KEYS[2], thread)
end
