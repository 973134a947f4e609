-- Notes that a text is for a thread, and counts the other threads it was for.
-- KEYS  the text's threads
-- ARGV  thread, ms that count, most that is counted
local now, window, most = now_ms(), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now - window))
redis.call('ZADD', KEYS[1], int(now), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -(most + 2))
redis.call('PEXPIRE', KEYS[1], int(window))
return redis.call('ZCARD', KEYS[1]) - 1
