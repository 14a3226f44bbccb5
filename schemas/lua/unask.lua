-- unask -- takes an ask back.
-- ask. OK, also when it is not there.
local refusal = refused()
if refusal then
  return refusal
end
local r = load(call('HGET', ASKS, ARGV[5]))
if not r then
  return { 'OK', m.revision }
end
for i = 1, #r.asks, 2 do
  if r.asks[i] == ARGV[5] then
    table.remove(r.asks, i)
    table.remove(r.asks, i)
    break
  end
end
m.asks = m.asks - call('HDEL', ASKS, ARGV[5])
keep(r)
return done('OK')
