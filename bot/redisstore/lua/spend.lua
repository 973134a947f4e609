-- Adds to a day's account and returns what it comes to. What was added once with
-- a nonce is not added again.
-- KEYS  the day's account, nonce
-- ARGV  tokens, micro USD, ms to keep the account
if (ARGV[1] ~= '0' or ARGV[2] ~= '0') and redis.call('SET', KEYS[2], '1', 'NX', 'PX', 60000) then
  redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[1])
  redis.call('HINCRBY', KEYS[1], 'usd', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
local spent = redis.call('HMGET', KEYS[1], 'tokens', 'usd')
return { spent[1] or '0', spent[2] or '0' }
