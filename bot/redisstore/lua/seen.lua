-- Believes what the server says is left of a window, and learns from it how much
-- others spend of the same quota.
-- KEYS  buckets, own
-- ARGV  remaining, limit, then the windows
local remaining, limit, now = tonumber(ARGV[1]), tonumber(ARGV[2]), now_ms()
local state, window = buckets(KEYS[1], now, 3), 1
for i = 1, 3 do
  if state[i].quota == limit then
    window = i
  end
end
local b = state[window]
b.tokens = math.min(b.tokens, remaining - math.floor(b.quota / 100))
if window == 1 then
  local others = math.max(0, limit - remaining - counted(KEYS[2], now))
  state.others = 0.8 * state.others + 0.2 * others
end
save(KEYS[1], state, now)
return int(state.others)
