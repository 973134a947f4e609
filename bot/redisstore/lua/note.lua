-- Moves many records to waiting, each as advance.lua does: advance is that script
-- as a function.
-- KEYS  gen, open, then the records
-- ARGV  for each record how many arguments advance.lua gets, and those
local answers, at = {}, 1
for i = 3, #KEYS do
  local last = at + tonumber(ARGV[at])
  answers[#answers + 1] = advance({ '', KEYS[i], KEYS[1], KEYS[2] }, { unpack(ARGV, at + 1, last) })
  at = last + 1
end
return answers
