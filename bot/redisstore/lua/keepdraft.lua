-- Puts a draft in place of whatever draft the thread has. One that was put there
-- before stays as it is by now.
-- KEYS  draft, waiting drafts
-- ARGV  thread, state, made ms, retention ms, id, then fields: name, value, ...
if redis.call('HGET', KEYS[1], 'id') == ARGV[5] then
  return 'ok' -- done before; its answer got lost, and somebody may have decided since
end
local fields = {}
for i = 6, #ARGV do
  fields[#fields + 1] = ARGV[i]
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'st', ARGV[2], 'made', ARGV[3], unpack(fields))
settle(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]))
return 'ok'
