-- Takes n requests from all three buckets, or none and says in how many ms to
-- ask again.
-- KEYS  buckets, own, pause
-- ARGV  n, share of each bucket left to more urgent requests, then the windows
local paused = redis.call('PTTL', KEYS[3])
if paused > 0 then
  return paused
end
local n, floor, now = tonumber(ARGV[1]), tonumber(ARGV[2]), now_ms()
local state, wait = buckets(KEYS[1], now, 3), 0
for i = 1, 3 do
  local b = state[i]
  -- more than the bucket holds is granted when it is full, on credit
  local need = math.min(b.size, n + floor * b.size)
  if b.tokens < need then
    wait = math.max(wait, math.ceil((need - b.tokens) / b.rate))
  end
end
if wait > 0 then
  return wait
end
for i = 1, 3 do
  state[i].tokens = state[i].tokens - n
end
save(KEYS[1], state, now)
count(KEYS[2], now, n)
return 0
