-- list -- sessions whose number is above another, rising.
-- number, max. OK: the sessions.
local refusal = refused()
if refusal then
  return refusal
end
local answer = { 'OK', m.revision }
for _, id in ipairs(call('ZRANGEBYSCORE', ORDER, '(' .. ARGV[5], '+inf', 'LIMIT', 0, ARGV[6])) do
  put(answer, load(id))
end
return answer
