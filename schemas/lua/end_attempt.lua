-- end_attempt -- ends the user's session that is connecting or waiting, unless it is this character's.
-- user, character. OK: the session. UNKNOWN.
local refusal = refused()
if refusal then
  return refusal
end
for id in string.gmatch(call('HGET', USERS, ARGV[5]) or '', '%S+') do
  local r = load(id)
  if r.character ~= ARGV[6] then
    finish(r, 'S')
    return put(done('OK'), r)
  end
end
return { 'UNKNOWN', m.revision }
