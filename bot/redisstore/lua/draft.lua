-- Shared by the scripts about drafts: what becomes of one when it has moved.

local kept_ms = 7 * 86400000 -- how long a draft is kept after its end

local ended = { rejected = true, handoff = true, withdrawn = true, expired = true, sent = true }

-- settle sets how long the draft lasts, and whether it stands among the waiting.
local function settle(key, waiting, thread, state, made, retention)
  redis.call('PEXPIRE', key, ended[state] and kept_ms or int(retention))
  if state == 'waiting' then
    redis.call('ZADD', waiting, made, thread) -- as it was given, a number in digits
  else
    redis.call('ZREM', waiting, thread)
  end
end
