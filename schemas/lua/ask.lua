-- ask -- a replacement of this character's session is asked for.
-- character, ask, ask ms, asks max. OK, UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local r = load(call('HGET', CHARACTERS, ARGV[5]))
if not r then
  return { 'UNKNOWN', m.revision }
end
m.asks = m.asks + call('HSET', ASKS, ARGV[6], r.id)
local asks = {}
for i = 1, #r.asks, 2 do
  local ask, ends = r.asks[i], r.asks[i + 1]
  if ask ~= ARGV[6] and ends > now then
    asks[#asks + 1] = ask
    asks[#asks + 1] = ends
  elseif ask ~= ARGV[6] then
    m.asks = m.asks - call('HDEL', ASKS, ask)
  end
end
while #asks >= 2 * tonumber(ARGV[8]) do
  m.asks = m.asks - call('HDEL', ASKS, asks[1])
  table.remove(asks, 1)
  table.remove(asks, 1)
end
asks[#asks + 1] = ARGV[6]
asks[#asks + 1] = now + ARGV[7]
r.asks = asks
keep(r)
return done('OK')
