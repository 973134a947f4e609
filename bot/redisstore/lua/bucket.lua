-- Shared by the scripts of the budget: three token buckets, for the minute, the
-- hour and the day. A bucket with rate r and size b admits b + r*W in a window W,
-- so each window's rate is (quota - b) / W.

local function int(n)
  return string.format('%.0f', n)
end

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local names = { 'm', 'h', 'd' }
local slot_ms, slots = 5000, 12 -- what we asked ourselves in the last minute

-- buckets fills the buckets up to now. argv from i on: quota, size, ms, thrice.
local function buckets(key, now, i)
  local kept = redis.call('HMGET', key, 'm', 'h', 'd', 'at', 'others')
  local state = { others = tonumber(kept[5] or '0') }
  -- a clock that jumped back fills nothing
  local passed = math.max(0, now - tonumber(kept[4] or now))
  for n = 1, 3 do
    local quota, size, window = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    i = i + 3
    local rate = (quota - size) / window
    if n == 1 then
      -- leave room for other users of the team's quota, but never stop for them
      rate = math.max(rate / 20, rate - state.others / window)
    end
    state[n] = {
      quota = quota, size = size, rate = rate,
      tokens = math.min(size, tonumber(kept[n] or size) + passed * rate),
    }
  end
  return state
end

local function save(key, state, now)
  local flat = { 'at', int(now), 'others', string.format('%.3f', state.others) }
  for n = 1, 3 do
    flat[#flat + 1] = names[n]
    flat[#flat + 1] = string.format('%.6f', state[n].tokens)
  end
  redis.call('HSET', key, unpack(flat))
  redis.call('PEXPIRE', key, 2 * 86400000)
end

local function slot(now, back)
  return int(math.floor(now / slot_ms) - back)
end

-- count adds n requests of our own to the last minute.
local function count(key, now, n)
  redis.call('HINCRBY', key, slot(now, 0), n)
  local old = {}
  for back = slots + 1, 2 * slots do
    old[#old + 1] = slot(now, back)
  end
  redis.call('HDEL', key, unpack(old))
  redis.call('PEXPIRE', key, slots * slot_ms)
end

local function counted(key, now)
  local recent, sum = {}, 0
  for back = 0, slots do
    recent[#recent + 1] = slot(now, back)
  end
  for _, n in ipairs(redis.call('HMGET', key, unpack(recent))) do
    sum = sum + tonumber(n or '0')
  end
  return sum
end
