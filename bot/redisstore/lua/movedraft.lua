-- Moves a draft, if it is the one that is meant and stands where it may move from.
-- KEYS  draft, waiting drafts
-- ARGV  thread, draft id, state, retention ms, then the states it may move from
local d = read(KEYS[1])
if d.id ~= ARGV[2] then
  return 'recorded'
elseif d.st == ARGV[3] then
  return 'ok' -- made before; its answer got lost
end
for i = 5, #ARGV do
  if d.st == ARGV[i] then
    redis.call('HSET', KEYS[1], 'st', ARGV[3])
    settle(KEYS[1], KEYS[2], ARGV[1], ARGV[3], d.made, tonumber(ARGV[4]))
    return 'ok'
  end
end
return 'recorded'
