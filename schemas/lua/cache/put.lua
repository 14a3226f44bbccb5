-- put -- keeps a record, but not over one that began as late or later, nor one that nobody would read any more.
--
-- KEYS[1]  the key
-- ARGV[1]  the record: a byte for its layout, 16 digits for when it began, in microseconds, and the rest
-- ARGV[2]  for how many microseconds after that anybody would read it
-- ARGV[3]  after how many ms it goes by itself
--
-- Answers 1: it is kept; 0: it is not (also because there is no memory for it, or because this is a replica).
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local began = tonumber(string.sub(ARGV[1], 2, 17))
if began > now or now - began > tonumber(ARGV[2]) then
  return 0
end
local head = redis.pcall('GETRANGE', KEYS[1], 0, 16)
local kept = type(head) == 'string' and string.match(head, '^[VF](%d+)$')
if kept and #kept == 16 and tonumber(kept) <= now and tonumber(kept) >= began then
  return 0
end
return redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[3]).ok and 1 or 0
