-- beat -- this holder is alive, and takes the notices left for it; also while the instance is lost.
-- holder, max. OK: session, connection, close code of each notice.
local why, newer = fault()
if newer then
  return { 'UNAVAILABLE', 0, why }
end
local answer = { 'OK', 0 }
if why == nil then
  m.holders = m.holders + call('ZADD', HOLDERS, now, ARGV[5])
  answer = done('OK')
  if m.generation ~= ARGV[1] then
    answer[2] = 0
  end
end
local max, key = tonumber(ARGV[6]), prefix .. 'notices:' .. ARGV[5]
if max > 0 then
  local notices = call('LRANGE', key, 0, max - 1)
  for _, notice in ipairs(notices) do
    local session, connection, close = string.match(notice, '^(%S+) (%d+) (%S+)$')
    answer[#answer + 1] = session
    answer[#answer + 1] = tonumber(connection)
    answer[#answer + 1] = close
  end
  if #notices > 0 then
    call('LTRIM', key, #notices, -1)
  end
end
return answer
