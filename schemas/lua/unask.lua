-- unask -- takes an ask back.
-- user, ask. OK, also when it is not there, or is about another user's session.
local refusal = refused()
if refusal then
  return refusal
end
local r = load(call('HGET', ASKS, ARGV[6]))
if not r or r.user ~= ARGV[5] then
  return { 'OK', m.revision }
end
for i = 1, #r.asks, 2 do
  if r.asks[i] == ARGV[6] then
    table.remove(r.asks, i)
    table.remove(r.asks, i)
    break
  end
end
m.asks = m.asks - call('HDEL', ASKS, ARGV[6])
keep(r)
return done('OK')
