-- Puts a generation in force as the newest entry of the history, with its text
-- beside it. Repeated with the same token it does nothing more.
-- KEYS  published (stream), texts (hash)
-- ARGV  token, hash, text, by, message, 1 if it is returned to ('refused' by a
--       process that refuses the one in force), hash that must be in force ('' none,
--       '*' any), entries to keep
local function fields(entry)
  local out = {}
  for i = 1, #entry[2], 2 do
    out[entry[2][i]] = entry[2][i + 1]
  end
  return out
end

local now, back = '', ''
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
  local f = fields(entry)
  if f.token == ARGV[1] then
    return { 'done', f.before }
  end
  now, back = f.hash, f.back
end
if now == ARGV[2] and back ~= 'refused' then
  redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3]) -- should its text have been lost
  return { 'same', now }
end
if ARGV[7] ~= '*' and ARGV[7] ~= now then
  return { 'other', now }
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[8], '*',
  'hash', ARGV[2], 'by', ARGV[4], 'message', ARGV[5], 'back', ARGV[6], 'before', now, 'token', ARGV[1])

local named = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
  named[fields(entry).hash] = true
end
for _, hash in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not named[hash] then
    redis.call('HDEL', KEYS[2], hash)
  end
end
return { 'done', now }
