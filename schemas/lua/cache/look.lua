-- look -- what is kept under a name, and the time.
--
-- KEYS[1]  the key
-- ARGV[1]  the length of the longest record that is one
--
-- Answers { record, now }: '' when nothing is kept, or something that is no record; now in microseconds, as 16 digits.
local time = redis.call('TIME')
local now = string.format('%010d%06d', time[1], time[2])
local length = redis.pcall('STRLEN', KEYS[1])
if type(length) ~= 'number' or length == 0 or length > tonumber(ARGV[1]) then
  return { '', now }
end
return { redis.call('GET', KEYS[1]), now }
