-- promote -- if a seat is free, who waits longest has it. A place whose time is over is passed over.
-- capacity, room size, offer ms. OK: the session. UNKNOWN, CLOSED.
local refusal = refused()
if refusal then
  return refusal
end
if now < m.opening then
  return { 'CLOSED', m.revision }
elseif m.maintenance == 1 or seats() >= capacity_of(ARGV[5]) then
  return { 'UNKNOWN', m.revision }
end
local place, r = 0, nil
repeat
  r = load(call('ZRANGE', QUEUE, place, place)[1])
  place = place + 1
until not r or not due(r)
if not r then
  return { 'UNKNOWN', m.revision }
end
move(r, 'connecting')
enter_room(r, tonumber(ARGV[6]))
r.offered = 1
last_until(r, now + ARGV[7])
raise(r)
keep(r)
return put(done('OK'), r)
