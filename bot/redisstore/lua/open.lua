-- Looks at the server once, when the store is opened. A first deployment that
-- says so needs no quarantine: there is nothing the store could have forgotten.
-- KEYS  gen
-- ARGV  nonce, run id if INFO is not allowed here, 1 for a first deployment
local info = redis.pcall('INFO', 'server')
local memory = redis.pcall('INFO', 'memory')
local rid = run_id(ARGV[2])
if ARGV[3] == '1' and redis.call('EXISTS', KEYS[1]) == 0 then
  new_generation(KEYS[1], rid, now_ms(), 0, ARGV[1])
end
return {
  type(info) == 'string' and info or '',
  type(memory) == 'string' and memory or '',
}
