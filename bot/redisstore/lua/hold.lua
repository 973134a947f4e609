-- Keeps when the newest message was written that a thread was seen with while people
-- held it, where that is news. A thread that is not known stays so.
-- KEYS  the records
-- ARGV  for each its ms
for i = 1, #KEYS do
  local known = redis.call('HMGET', KEYS[i], 'st', 'held')
  if known[1] and (not known[2] or tonumber(known[2]) < tonumber(ARGV[i])) then
    redis.call('HSET', KEYS[i], 'held', ARGV[i])
  end
end
return 'ok'
