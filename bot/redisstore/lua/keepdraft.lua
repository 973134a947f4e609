-- Puts a draft in place of whatever draft the thread has, under a lease: without it
-- the thread may have one by now that somebody has decided about. One that was put
-- there before stays as it is by now.
-- KEYS  draft, waiting drafts, claim
-- ARGV  token ('' where no lease is needed), thread, state, made ms, retention ms, id,
--       then fields: name, value, ...
if redis.call('HGET', KEYS[1], 'id') == ARGV[6] then
  return 'ok' -- done before; its answer got lost, and somebody may have decided since
elseif ARGV[1] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[1] then
  return 'lost'
end
local fields = {}
for i = 7, #ARGV do
  fields[#fields + 1] = ARGV[i]
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'st', ARGV[3], 'made', ARGV[4], unpack(fields))
settle(KEYS[1], KEYS[2], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]))
return 'ok'
