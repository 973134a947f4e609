-- Reads the drafts that wait for a person, the oldest first. What is named as
-- waiting and is not, because it expired, is struck off.
-- KEYS  waiting drafts
-- ARGV  limit, what a draft's key begins with (the same slot: the same team)
local found, at = {}, 0
while #found < tonumber(ARGV[1]) do
  local threads = redis.call('ZRANGE', KEYS[1], at, at + 99)
  if #threads == 0 then
    break
  end
  for _, thread in ipairs(threads) do
    local flat = redis.call('HGETALL', ARGV[2] .. thread)
    if #flat == 0 then
      redis.call('ZREM', KEYS[1], thread)
    else
      at = at + 1
      if #found < tonumber(ARGV[1]) then
        found[#found + 1] = { thread, flat }
      end
    end
  end
end
return found
