-- Makes an open thread due later. One that is not open stays so.
-- KEYS  open
-- ARGV  thread, ms
return redis.call('ZADD', KEYS[1], 'XX', int(now_ms() + tonumber(ARGV[2])), ARGV[1])
