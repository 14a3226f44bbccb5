-- waiting -- the numbers of those who wait, rising.
-- max. OK: the numbers.
local refusal = refused()
if refusal then
  return refusal
end
local answer = { 'OK', m.revision }
local queue = call('ZRANGEBYSCORE', QUEUE, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5])
for i = 2, #queue, 2 do
  answer[#answer + 1] = tonumber(queue[i])
end
return answer
