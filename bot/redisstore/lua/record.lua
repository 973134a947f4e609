-- Shared by the scripts about threads: the clock, the generation, the record.

local terminal = { sent = true, handoff = true, answered = true, skipped = true }

local function int(n)
  return string.format('%.0f', n)
end

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- run_id is this server's identity. It changes when the server is restarted or
-- another one takes over. Where INFO is not allowed here, the client asks for it
-- when it connects and hands it in.
local function run_id(told)
  local info = redis.pcall('INFO', 'server')
  if type(info) == 'string' then
    local id = string.match(info, 'run_id:(%w+)')
    if id then
      return id
    end
  end
  return told
end

-- generation returns the store's generation and the ms until which nothing may
-- begin, or nothing when this server has not written it or has lost it.
local function generation(key, rid)
  local g = redis.call('HMGET', key, 'rid', 'gen', 'until')
  if g[1] == rid and g[2] and g[3] then
    return g[2], tonumber(g[3])
  end
end

-- new_generation voids every lease granted so far and starts the quarantine. The
-- nonce tells two generations of one millisecond apart.
local function new_generation(key, rid, now, quarantine, nonce)
  local gen = rid .. ':' .. int(now) .. ':' .. nonce
  redis.call('DEL', key)
  redis.call('HSET', key, 'rid', rid, 'gen', gen, 'until', int(now + quarantine))
  return gen, now + quarantine
end

local function read(key)
  local flat, rec = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do
    rec[flat[i]] = flat[i + 1]
  end
  return rec
end

-- order says how a message stands to the record's: newer, same or older. Of two
-- messages with one timestamp the one recorded second is the newer for good:
-- ties keeps the IDs that had their turn, so that neither is answered again.
local function order(rec, mid, mat)
  if not rec.mid then
    return 'newer'
  elseif mid == rec.mid then
    return 'same'
  end
  local at = tonumber(rec.mat)
  if mat < at or (mat == at and rec.ties and string.find(rec.ties, '\n' .. mid .. '\n', 1, true)) then
    return 'older'
  end
  return 'newer'
end

local own_max = 64

-- own returns the fields of the bot's own messages, the newest first.
local function own(rec)
  local known = {}
  for field, at in pairs(rec) do
    if string.sub(field, 1, 2) == 'o:' and tonumber(at) then
      known[#known + 1] = { field, tonumber(at) }
    end
  end
  table.sort(known, function(a, b)
    if a[2] ~= b[2] then
      return a[2] > b[2]
    end
    return a[1] < b[1]
  end)
  return known
end

local seen_max = 20

-- seen returns the fields of the tags seen, numbered: those given now come last,
-- and the oldest make room.
local function seen(rec, given)
  local tags = {}
  for field, n in pairs(rec) do
    if string.sub(field, 1, 2) == 't:' and not given[field] then
      tags[#tags + 1] = { field, 0, tonumber(n) or 0 }
    end
  end
  for field, n in pairs(given) do
    if string.sub(field, 1, 2) == 't:' then
      tags[#tags + 1] = { field, 1, tonumber(n) }
    end
  end
  table.sort(tags, function(a, b)
    if a[2] ~= b[2] then
      return a[2] < b[2]
    end
    return a[3] < b[3]
  end)
  local numbered = {}
  for i = math.max(1, #tags - seen_max + 1), #tags do
    numbered[tags[i][1]] = int(i)
  end
  return numbered
end

-- write replaces the record as a whole: a hash that once held a long text would
-- keep its large encoding if the field alone was deleted. ttl is in ms, 0 for ever.
local function write(key, rec, ttl)
  local flat = {}
  for field, value in pairs(rec) do
    if string.sub(field, 1, 2) ~= 'o:' then
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
  end
  local known = own(rec)
  for i = 1, math.min(#known, own_max) do
    flat[#flat + 1] = known[i][1]
    flat[#flat + 1] = int(known[i][2])
  end
  redis.call('DEL', key)
  redis.call('HSET', key, unpack(flat))
  if ttl > 0 then
    redis.call('PEXPIRE', key, int(ttl))
  end
end
