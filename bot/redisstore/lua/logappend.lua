-- Appends decisions to the log, and takes out of it what is too old or too much.
-- What stands in the stream names nobody; what names or quotes a person is in a
-- hash beside it, because a stream only marks what is deleted and a hash forgets.
-- KEYS  log, words, details, state of the log, last decisions by thread, last batch of this replica
-- ARGV  batch, ms to keep entries, most entries, most bytes of details, then for
--       each entry: thread, digest of the decision, facts, words, detail
local keep, most, room = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('GET', KEYS[6]) == ARGV[1] then
  return 0 -- done before; the answer got lost
end
local now, added = now_ms(), 0
local used = tonumber(redis.call('HGET', KEYS[4], 'bytes') or '0')

local function append(thread, digest, facts, words, detail)
  local id = redis.call('XADD', KEYS[1], '*', 't', thread, 'e', facts)
  if words ~= '' then
    redis.call('HSET', KEYS[2], id, words)
  end
  if detail ~= '' then
    redis.call('HSET', KEYS[3], id, detail)
    used = used + #detail
  end
  if thread ~= '' then
    redis.call('HSET', KEYS[5], thread, digest .. '@' .. id)
  end
  added = added + 1
end

-- new says whether a decision was not told before. A process that starts tells
-- once more of every thread it looks at.
local function new(thread, digest)
  local last = thread ~= '' and redis.call('HGET', KEYS[5], thread)
  return not last or string.match(last, '^[^@]*') ~= digest
end

local function drop_detail(id)
  used = used - redis.call('HSTRLEN', KEYS[3], id)
  redis.call('HDEL', KEYS[3], id)
end

local function drop(id, thread)
  redis.call('XDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  drop_detail(id)
  local last = redis.call('HGET', KEYS[5], thread)
  if last and string.match(last, '@(.*)$') == id then
    redis.call('HDEL', KEYS[5], thread)
  end
end

for i = 5, #ARGV, 5 do
  if new(ARGV[i], ARGV[i + 1]) then
    append(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
  end
end
redis.call('SET', KEYS[6], ARGV[1], 'PX', 3600000)

-- More goes than comes, so that a log gets down to a bound that was made smaller.
local length = redis.call('XLEN', KEYS[1])
for _ = 1, 2 * added + 10 do
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if not first or (length <= most and tonumber(string.match(first[1], '^%d+')) > now - keep) then
    break
  end
  drop(first[1], first[2][2])
  length = length - 1
end

-- The oldest details go first; from is where those begin that are still there.
local from = redis.call('HGET', KEYS[4], 'from') or '-'
while used > room do
  local entry = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
  if not entry then
    used = 0 -- unreachable: every detail has its entry
    break
  end
  drop_detail(entry[1])
  from = '(' .. entry[1]
end
redis.call('HSET', KEYS[4], 'bytes', int(math.max(0, used)), 'from', from)
for i = 1, 5 do
  redis.call('PEXPIRE', KEYS[i], int(keep))
end
return added
