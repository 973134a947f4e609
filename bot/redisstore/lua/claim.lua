-- Grants the right to act on a thread. Asking again with the same token grants
-- it again.
-- KEYS  claim, record, gen
-- ARGV  token, lease ms, run id if INFO is not allowed here, quarantine ms
local now = now_ms()
local rid = run_id(ARGV[3])
local gen, till = generation(KEYS[3], rid)
if not gen then
  gen, till = new_generation(KEYS[3], rid, now, tonumber(ARGV[4]), ARGV[1])
end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return { 'held' }
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local left = math.max(0, till - now)
if left > 0 then
  -- What such a lease has seen of the thread may be older than a send that the
  -- store forgot, so it can begin nothing, not even once the quarantine is over.
  gen = gen .. '/quarantine'
end
return { 'ok', gen, int(left), int(now), redis.call('HGETALL', KEYS[2]) }
