-- replace -- a replacement is confirmed: the session keeps its seat or its place, and has another secret.
-- user, ask, next, ticket ms, grace ms, role, auth until. OK: who held it or nobody, the session. UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local r = load(call('HGET', ASKS, ARGV[6]))
local good = false
if r and r.user == ARGV[5] then
  for i = 1, #r.asks, 2 do
    good = good or (r.asks[i] == ARGV[6] and r.asks[i + 1] > now)
  end
end
if not good then
  return { 'UNKNOWN', m.revision }
end
local answer = put_whom({}, r.holder ~= '' and r)
release(r)
void_asks(r)
give_secret(r, ARGV[7])
r.role, r.auth_until = ARGV[10], tonumber(ARGV[11])
if r.state == 'waiting' then
  last_until(r, now + ARGV[9])
else
  move(r, 'connecting')
  r.offered = 0
  last_until(r, now + ARGV[8])
end
raise(r)
r.turn = r.version
keep(r)
local head = done('OK')
return put({ head[1], head[2], unpack(answer) }, r)
