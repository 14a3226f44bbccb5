-- claim -- a fresh connect: a seat if one is free and nobody waits, else the last place.
-- session, character, user, name, role, secret, capacity, room size, queue max, ticket ms, grace ms, auth until
-- OK, QUEUED, FULL: the ended session or nobody; then but for FULL, the session. EXISTS: the session there is.
local refusal = refused()
if refusal then
  return refusal
end
local id, character, user = ARGV[5], ARGV[6], ARGV[7]
if call('HEXISTS', SESSIONS, id) == 1 then
  return { 'REPEATED', m.revision }
end
local there = load(call('HGET', CHARACTERS, character))
if there then
  there.secret = ''
  return put({ 'EXISTS', m.revision }, there)
end
if m.maintenance == 1 then
  return { 'MAINTENANCE', m.revision }
elseif m.drain == 1 then
  return { 'DRAINING', m.revision }
elseif now < m.opening then
  return { 'CLOSED', m.revision }
end

local attempt = call('HGET', USERS, user) -- for another character, as this one has no session
local ended = attempt and load(string.match(attempt, '%S+'))
if ended then
  finish(ended, 'S')
end
local free = m.waiting == 0 and seats() < capacity_of(ARGV[11])
if not free and m.waiting >= tonumber(ARGV[13]) then
  return put_whom(ended and done('FULL') or { 'FULL', m.revision }, ended)
end
m.number = m.number + 1
local r = {
  id = id, character = character, user = user, name = ARGV[8], role = ARGV[9], room = 0, holder = '', connection = 0,
  number = m.number, turn = 0, secret = '', ends = -1, offered = 0, taken = 0, asks = {},
  auth_until = tonumber(ARGV[16]),
}
add(r, free and 'connecting' or 'waiting')
give_secret(r, ARGV[10])
if free then
  enter_room(r, tonumber(ARGV[12]))
  last_until(r, now + ARGV[14])
else
  last_until(r, now + ARGV[15])
end
raise(r)
keep(r)
return put(put_whom(done(free and 'OK' or 'QUEUED'), ended), r)
