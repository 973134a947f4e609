-- Moves a thread's record to a state, if the state's precondition holds.
-- KEYS  claim, record, gen, open
-- ARGV  token, lease generation, state, message id, message ms, ms until due,
--       ms the lease must last for a send, run id if INFO is not allowed here,
--       retention ms, thread, then fields of the record: name, value, ...
local token, lease_gen, state, mid, mat = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local again, need, retention, thread = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[9]), ARGV[10]
local given = {}
local now = now_ms()
for i = 11, #ARGV, 2 do
  given[ARGV[i]] = ARGV[i + 1] == 'now' and string.sub(ARGV[i], 1, 2) == 'o:' and int(now) or ARGV[i + 1]
end

local rec = read(KEYS[2])
local stands = order(rec, mid, mat)
local same = stands == 'same'
local mine = rec.tok ~= nil and rec.tok == token and token ~= ''
local promised = rec.st == 'intent' or rec.st == 'handing'
-- The record may be taken over: it promises nothing, and it has not ended for
-- this message or a newer one.
local free = not promised and (stands == 'newer' or (same and not terminal[rec.st]))

local function live(ms)
  return redis.call('GET', KEYS[1]) == token and redis.call('PTTL', KEYS[1]) >= ms
end

local function begin()
  if not live(need) then
    return 'lost'
  end
  local gen, till = generation(KEYS[3], run_id(ARGV[8]))
  if not gen or (lease_gen ~= gen and lease_gen ~= gen .. '/quarantine') then
    return 'lost'
  elseif till > now then
    return 'quarantine'
  elseif lease_gen ~= gen then
    return 'lost'
  elseif same and rec.st == 'intent' and mine then
    return 'again'
  elseif same and rec.st == 'retry' and mine then
    -- One lease begins a message once: a late repeat of its "retry" could
    -- otherwise take back a second begin whose POST has left.
    return 'lost'
  end
  return free and 'go' or 'recorded'
end

local function fact(may_replace)
  return (free or (same and (promised or may_replace[rec.st]))) and 'go' or 'recorded'
end

local function decide()
  if same and rec.st == state and terminal[state] then
    return 'go'
  elseif not live(0) then
    return 'lost'
  end
  return (free or (same and rec.st == 'intent')) and 'go' or 'recorded'
end

local may = {
  intent = begin,
  sent = function()
    return fact({ sent = true, answered = true })
  end,
  answered = function()
    -- Unlike sent this is a judgement, and one made without the claim may rest on
    -- what another worker has changed since.
    return live(0) and fact({ answered = true }) or 'lost'
  end,
  retry = function()
    if same and rec.st == 'retry' then
      return 'go' -- only the due time changes
    elseif not (same and mine and rec.st == 'intent') then
      return 'recorded'
    end
    return live(0) and 'go' or 'lost'
  end,
  handing = decide,
  skipped = decide,
  handoff = function()
    return same and (rec.st == 'handing' or rec.st == 'handoff') and 'go' or 'recorded'
  end,
  waiting = function()
    return free and 'go' or 'recorded'
  end,
}

-- The same move by the same lease has been made before; its answer got lost.
if same and rec.st == state and rec.tok == token and state ~= 'intent' then
  return 'ok'
end

local answer = may[state]()
if answer == 'recorded' then
  -- Refused, but two things are still worth keeping: which messages are our own,
  -- and that a newer message came while the record promises something.
  local note = false
  for field, value in pairs(given) do
    if string.sub(field, 1, 2) == 'o:' and rec.st and not rec[field] then
      rec[field], note = value, true
    end
  end
  if promised and stands == 'newer' and (not rec.nat or tonumber(rec.nat) < mat) then
    rec.nat, note = int(mat), true
  end
  if note then
    write(KEYS[2], rec, math.max(0, redis.call('PTTL', KEYS[2])))
  end
end
if answer == 'again' then
  return 'ok'
elseif answer ~= 'go' then
  return answer
end

local new = {
  st = state, mid = mid, mat = int(mat), at = int(now),
  sum = rec.sum, sent = rec.sent, ['end'] = rec['end'], handed = rec.handed, htag = rec.htag, held = rec.held,
}
for field, value in pairs(rec) do
  if string.sub(field, 1, 2) == 'o:' then
    new[field] = value
  end
end
if same then
  for _, field in ipairs({ 'seen', 'guard', 'why', 'rules', 'cause', 'ties', 'n', 'in' }) do
    new[field] = rec[field]
  end
  new.mat = rec.mat
  if terminal[state] then
    new['in'] = nil -- it waits no more
  end
else
  if terminal[rec.st] then
    new['end'] = rec.mat .. ':' .. rec.mid
  end
  if rec.mat == new.mat then
    new.ties = (rec.ties or '\n') .. rec.mid .. '\n'
  end
end
for field, value in pairs(given) do
  local kind = string.sub(field, 1, 2)
  if kind ~= 't:' and (kind ~= 'o:' or not new[field]) then -- of our own messages what was known first stays
    new[field] = value
  end
end
for field, n in pairs(seen(rec, given)) do
  new[field] = n
end
-- Seen or tried again, what was certainly not sent still was not, and the lease
-- that began it may not begin it again.
local retried = same and rec.st == 'retry' and (state == 'waiting' or state == 'retry')
if retried then
  new.st, new.tok = 'retry', rec.tok
elseif state == 'intent' or state == 'retry' or state == 'handing' then
  new.tok = token
end

local due = now + again
local open = again > 0 or not (terminal[state] or state == 'waiting' or retried)
if promised and rec.nat then -- a newer message waits
  if terminal[state] then
    -- The token is kept so that a repeat of this move does not close the thread.
    due, open, new.tok = now, true, token
  elseif state == 'handing' then
    new.nat = rec.nat
  end
end

write(KEYS[2], new, open and 0 or retention) -- what is named as open must be there
if open then
  redis.call('ZADD', KEYS[4], int(due), thread)
else
  redis.call('ZREM', KEYS[4], thread)
end
if state == 'sent' and live(0) then
  redis.call('DEL', KEYS[1]) -- the last move of its lease, whose release need not be asked for
end
return 'ok'
