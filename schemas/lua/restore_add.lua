-- restore_add -- sessions as the store knows them. Of two versions the higher stays, of two sessions of a character the
-- higher number. One whose secret is spent or has run out here stays away: it has ended, and the store is to hear so.
-- generation that was begun, ticket ms, grace ms, room size, how many; of each: session, character, user, name, role,
-- state, room (0: none that there can be), holder, connection, number, version, turn, secret, ms left, auth until.
-- OK: how many stay away; of each its place, from 1, and the version of its end.
local refusal = refused(ARGV[5])
if refusal then
  return refusal
end
local ticket, grace, room_size = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])

local function read(at)
  local r = {
    id = ARGV[at], character = ARGV[at + 1], user = ARGV[at + 2], name = ARGV[at + 3], role = ARGV[at + 4], room = 0,
    holder = '', connection = 0, number = tonumber(ARGV[at + 9]), version = tonumber(ARGV[at + 10]),
    turn = tonumber(ARGV[at + 11]), secret = '', ends = -1, offered = 0, taken = 0, asks = {},
    auth_until = tonumber(ARGV[at + 14]),
  }
  return r, {
    state = ARGV[at + 5], room = tonumber(ARGV[at + 6]), holder = ARGV[at + 7], connection = tonumber(ARGV[at + 8]),
    secret = ARGV[at + 12], left = tonumber(ARGV[at + 13]),
  }
end

-- Has it gone on here, or ended, and the store has not heard of that?
local function is_buried(r, as)
  local _, wrong = opened_by(as.secret)
  return as.state ~= 'ended' and (wrong == 'SPENT' or wrong == 'EXPIRED') and not load(r.id)
end

-- Makes room for it. False: what is there stays.
local function make_way(r, as)
  local there = load(r.id)
  if there and there.version >= r.version then
    return false
  end
  if as.state ~= 'ended' and as.secret == '' then
    return false -- nothing could open it
  end
  local rival = not there and load(call('HGET', CHARACTERS, r.character))
  if rival and rival.number >= r.number then
    return false
  end
  if there and there.secret == as.secret then
    m.secrets = m.secrets - call('HDEL', SECRETS, there.secret)
    there.secret = ''
  end
  if there or (rival and as.state ~= 'ended') then
    remove(there or rival, 'S')
  end
  return as.state ~= 'ended'
end

local function bring_in(r, as)
  add(r, as.state)
  give_secret(r, as.secret)
  if as.state ~= 'waiting' then
    read_rooms(room_size)
    if as.room > 0 then
      add_to_room(r, as.room)
    else
      enter_room(r, room_size)
    end
  end
  if as.holder ~= '' or as.state == 'active' then
    hold(r, as.holder, as.connection)
  end
  local whole_time = as.state == 'connecting' and ticket or grace
  if as.state == 'active' or (as.state == 'waiting' and r.holder ~= '') then
    last_until(r, -1)
  elseif as.left == -1 then
    last_until(r, now + whole_time)
  else
    last_until(r, now + math.max(as.left, 0))
  end
  keep(r)
end

local away = {}
for row = 1, tonumber(ARGV[9]) do
  local r, as = read(10 + (row - 1) * 15)
  m.version = math.max(m.version, r.version)
  m.number = math.max(m.number, r.number)
  if is_buried(r, as) then
    raise(r)
    away[#away + 1] = row
    away[#away + 1] = r.version
  elseif make_way(r, as) then
    bring_in(r, as)
  end
end
local answer = done('OK')
answer[3] = #away / 2
for i, value in ipairs(away) do
  answer[3 + i] = value
end
return answer
