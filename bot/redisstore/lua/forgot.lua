-- Tells how long ago this server lost its memory, or took over from one that knew
-- more, and the ms until something may begin; -1 if it has forgotten nothing. A loss that nobody has noticed yet begins a
-- new generation.
-- KEYS  gen
-- ARGV  nonce, run id if INFO is not allowed here, quarantine ms
local now = now_ms()
local rid = run_id(ARGV[2])
local gen, till = generation(KEYS[1], rid)
if not gen then
  gen, till = new_generation(KEYS[1], rid, now, tonumber(ARGV[3]), ARGV[1])
end
local since = tonumber(string.match(gen, ':(%d+):'))
if not since or till <= since then
  return { -1, 0 }
end
return { now - since, math.max(0, till - now) }
