-- Erases decisions from the log, and leaves a mark that they are gone for those
-- who have read them. What a thread's last decision was, a digest, stays, so that
-- a process that starts does not write it down again.
-- KEYS  log, words, details, state of the log
-- ARGV  the mark, then the IDs
local used = tonumber(redis.call('HGET', KEYS[4], 'bytes') or '0')
local erased = 0
for i = 2, #ARGV do
  erased = erased + redis.call('XDEL', KEYS[1], ARGV[i])
  redis.call('HDEL', KEYS[2], ARGV[i])
  used = used - redis.call('HSTRLEN', KEYS[3], ARGV[i])
  redis.call('HDEL', KEYS[3], ARGV[i])
end
if erased > 0 then
  redis.call('HSET', KEYS[4], 'bytes', int(math.max(0, used)))
  redis.call('XADD', KEYS[1], '*', 't', '', 'e', ARGV[1])
end
return erased
