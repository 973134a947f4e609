-- Reduces a thread's record to what keeps it from being answered twice: states,
-- times and IDs. What this version does not know is taken for words.
-- KEYS  record
-- Returns how many fields went; -1 while a reply is on its way, whose words are
-- needed to find it again.
local kept = {
  st = true, mid = true, mat = true, at = true, seen = true, guard = true, tok = true, base = true, look = true, sent = true,
  ['end'] = true, sum = true, tag = true, assign = true, rules = true, tries = true, ties = true, nat = true,
}
local rec, gone = read(KEYS[1]), {}
if rec.st == 'intent' then
  return -1
end
for field in pairs(rec) do
  if not kept[field] and string.sub(field, 1, 2) ~= 'o:' then
    gone[#gone + 1] = field
  end
end
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
end
return #gone
