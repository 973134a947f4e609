-- A person decides about a waiting draft, or only changes its words. Whatever was
-- written is kept beside it. A decision makes the thread due at once.
-- KEYS  draft, waiting drafts, open
-- ARGV  thread, draft id, state ('' to change words alone), final, by, nonce,
--       retention ms, edits kept
local thread, id, state, final, by, nonce = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local d = read(KEYS[1])
if d.id == id and d.nonce == nonce then
  return { 'ok' } -- done before; its answer got lost
elseif d.id ~= id or d.st ~= 'waiting' then
  return { 'late', redis.call('HGETALL', KEYS[1]) }
end
local now = now_ms()
redis.call('HSET', KEYS[1], 'nonce', nonce)
if final ~= '' and final ~= (d.final or d.text) then
  local edits = d.edits and cjson.decode(d.edits) or {}
  edits[#edits + 1] = { text = final, by = by, at = int(now) }
  while #edits > tonumber(ARGV[8]) do
    table.remove(edits, 1)
  end
  redis.call('HSET', KEYS[1], 'final', final, 'edits', cjson.encode(edits))
  if final == d.text then
    redis.call('HDEL', KEYS[1], 'final')
  end
end
if state ~= '' then
  redis.call('HSET', KEYS[1], 'st', state, 'by', by, 'decided', int(now))
  settle(KEYS[1], KEYS[2], thread, state, d.made, tonumber(ARGV[7]))
  redis.call('ZADD', KEYS[3], 'XX', int(now), thread)
end
return { 'ok' }
