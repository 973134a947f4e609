-- Takes threads off the shelf.
-- KEYS  as in shelf.lua
-- ARGV  the threads
for i = 1, #ARGV do
  unshelve(ARGV[i])
end
return 'ok'
