-- Reads many records at once.
-- KEYS  records
local all = {}
for i = 1, #KEYS do
  all[i] = redis.call('HGETALL', KEYS[i])
end
return all
