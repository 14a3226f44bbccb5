-- find -- a session by its id, or by its character's.
-- what ('session' or 'character'), id. OK: place (1: head of the queue; 0: it does not wait), the session. UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
local r = load(ARGV[5] == 'session' and ARGV[6] or call('HGET', CHARACTERS, ARGV[6]))
if not r then
  return { 'UNKNOWN', m.revision }
end
local place = r.state == 'waiting' and call('ZRANK', QUEUE, r.id) + 1 or 0
return put({ 'OK', m.revision, place }, r)
