-- Puts a thread's messages on the shelf, and takes off it what is too old or too much.
-- KEYS  as in shelf.lua
-- ARGV  thread, its messages, ms to keep them, most bytes of all
local now, keep, most = now_ms(), tonumber(ARGV[3]), tonumber(ARGV[4])
unshelve(ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], int(now), ARGV[1])
local used = redis.call('INCRBY', KEYS[3], #ARGV[2] + around)
-- More goes than comes, so that a shelf gets down to a bound that was made smaller.
for _ = 1, 100 do
  local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  if not first[1] or (used <= most and tonumber(first[2]) > now - keep) then
    break
  end
  unshelve(first[1])
  used = tonumber(redis.call('GET', KEYS[3]))
end
for i = 1, 3 do
  redis.call('PEXPIRE', KEYS[i], int(keep))
end
return 'ok'
