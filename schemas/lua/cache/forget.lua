-- forget -- from now on nothing is kept that began before now.
--
-- KEYS[1]  the key
-- ARGV[1]  for how many ms that is to be remembered
--
-- Answers 1; 0: nothing can be written here (it is a replica).
local time = redis.call('TIME')
local record = 'F' .. string.format('%010d%06d', time[1], time[2])
if redis.pcall('SET', KEYS[1], record, 'PX', ARGV[1]).ok then
  return 1
end
return type(redis.pcall('DEL', KEYS[1])) == 'number' and 1 or 0 -- without memory for a record there is enough for this
