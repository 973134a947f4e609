-- Keeps who stopped the bot and why, and since when: saying it again does not
-- start the time anew.
-- KEYS  stop
-- ARGV  reason, by
redis.call('HSETNX', KEYS[1], 'since', int(now_ms()))
redis.call('HSET', KEYS[1], 'reason', ARGV[1], 'by', ARGV[2])
return 1
