-- Puts a draft in place of whatever draft the thread has.
-- KEYS  draft, waiting drafts
-- ARGV  thread, state, made ms, retention ms, then fields: name, value, ...
local fields = {}
for i = 5, #ARGV do
  fields[#fields + 1] = ARGV[i]
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'st', ARGV[2], 'made', ARGV[3], unpack(fields))
settle(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]))
return 'ok'
