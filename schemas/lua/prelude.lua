-- prelude -- stands in front of each script: how an instance is kept in Redis, and what changes of it are made of.
--
-- KEYS[1]  what the instance's keys start with: playhouse:{INSTANCE}: (the braces keep them in one slot of a cluster)
-- ARGV[1]  the generation that the calling process has restored into; '' none
-- ARGV[2]  the highest revision of it that the process has seen
-- ARGV[3]  the run id of the Redis it is connected to
-- ARGV[4]  its clock in ms, for tests; '' that of Redis
-- ARGV[5]  and on: see each script. A hash is 32 bytes, a time is in ms.
--
-- An answer is { result, revision, ... }; LOST and UNAVAILABLE are followed by the reason.
local call, pcall_ = redis.call, redis.pcall
local prefix = KEYS[1]
local META = prefix .. 'meta' -- hash: the fields below
local SESSIONS = prefix .. 'sessions' -- hash: session -> its record
local CHARACTERS = prefix .. 'characters' -- hash: character -> session
local SECRETS = prefix .. 'secrets' -- hash: the hash that opens a session -> session
local USERS = prefix .. 'users' -- hash: user -> sessions that are connecting or waiting, with spaces between them
local ORDER = prefix .. 'order' -- zset: session by number
local QUEUE = prefix .. 'queue' -- zset: session by number, of those who wait
local DEADLINES = prefix .. 'deadlines' -- zset: session by the time at which its state ends
local HOLDERS = prefix .. 'holders' -- zset: holder by its last beat, or by its first hold before that
local HELD = prefix .. 'held' -- zset: holder, NUL, session; all of score 0
local ROOMS = prefix .. 'rooms' -- hash: number of a room, from 1 -> its sessions; of those that ever had one
local OPEN = prefix .. 'open' -- zset: the rooms that have a place, by number
local ASKS = prefix .. 'asks' -- hash: the hash of an ask -> session
local TOMBS = prefix .. 'tombstones' -- hash: a hash that is no good any more -> S (spent) or E (expired), until when
local GRAVES = prefix .. 'graves' -- list: the hashes of TOMBS, oldest first, each followed by until when

local LAYOUT = '1' -- of all this; another one is left alone
local SAFETY_SEC = 86400 -- what nobody uses any more goes away by itself
local RENEW_MSEC = 60000 -- so often
local TOMBSTONE_MSEC, TOMBSTONES_MAX = 600000, 16384

local now
if ARGV[4] ~= '' then
  now = tonumber(ARGV[4])
else
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- ---- the instance ----

-- What stands in META. Those from `revision` on are numbers; from `connecting` on they tell how much stands in the
-- other keys, so that the loss of any one of them is seen.
local FIELDS = {
  'layout', 'generation', 'server',
  'revision', 'version', 'number', 'used', 'opening', 'capacity', 'drain', 'maintenance', 'room_size', 'room_next',
  'renewed',
  'connecting', 'active', 'grace', 'waiting', 'secrets', 'users', 'timed', 'holders', 'held', 'rooms', 'open', 'asks',
  'tombstones',
}
local NUMBERS = 4
local m, was = {}, {} -- META as it is now, and as it was read

local function holds(command, key, expected)
  return pcall_(command, key) == expected
end

local function whole()
  local sessions = m.connecting + m.active + m.grace + m.waiting
  return holds('HLEN', SESSIONS, sessions) and holds('HLEN', CHARACTERS, sessions)
    and holds('ZCARD', ORDER, sessions) and holds('HLEN', SECRETS, m.secrets) and holds('HLEN', USERS, m.users)
    and holds('ZCARD', QUEUE, m.waiting) and holds('ZCARD', DEADLINES, m.timed) and holds('ZCARD', HOLDERS, m.holders)
    and holds('ZCARD', HELD, m.held) and holds('HLEN', ROOMS, m.rooms) and holds('ZCARD', OPEN, m.open)
    and holds('HLEN', ASKS, m.asks) and holds('HLEN', TOMBS, m.tombstones)
    and holds('LLEN', GRAVES, m.tombstones)
end

-- Reads META. What is wrong with the instance by itself, or nil; and whether another version of us knows better.
local function fault()
  local values = pcall_('HMGET', META, unpack(FIELDS))
  if values.err then
    return 'meta is not a hash'
  end
  if values[1] and values[1] ~= LAYOUT then
    return 'the instance has layout ' .. values[1] .. ', this build knows ' .. LAYOUT, true
  end
  for i, field in ipairs(FIELDS) do
    local value = values[i]
    if i >= NUMBERS and value then
      value = tonumber(value)
    end
    if not value then
      return 'nothing is remembered'
    end
    m[field], was[field] = value, value
  end
  if m.server ~= ARGV[3] then
    return 'this is another redis, or it has restarted'
  end
  if m.generation == ARGV[1] and m.revision < tonumber(ARGV[2]) then
    return 'it has gone back in time'
  end
  if not whole() then
    return 'a key is missing'
  end
end

-- What a script that needs to know all is to answer at once, or nil. `generation`: that it is about, if not ARGV[1].
local function refused(generation)
  local why, newer = fault()
  if why == nil and m.generation ~= (generation or ARGV[1]) then
    why = 'this process has not restored it'
  end
  if why then
    return { newer and 'UNAVAILABLE' or 'LOST', 0, why }
  end
end

local KEPT = { META, SESSIONS, CHARACTERS, SECRETS, USERS, ORDER, QUEUE, DEADLINES, HOLDERS, HELD, ROOMS, OPEN, ASKS,
  TOMBS, GRAVES }

-- The keys that each tally stands for. A key goes when it is empty, and begins anew without an end of its own.
local TALLIED = {
  secrets = { SECRETS, SESSIONS, CHARACTERS, ORDER }, users = { USERS }, waiting = { QUEUE }, timed = { DEADLINES },
  holders = { HOLDERS }, held = { HELD }, rooms = { ROOMS }, open = { OPEN }, asks = { ASKS },
  tombstones = { TOMBS, GRAVES }, renewed = KEPT,
}

-- What is empty now has gone, whatever is added after it.
local function emptied()
  for field in pairs(TALLIED) do
    if m[field] == 0 then
      was[field] = -1
    end
  end
end

-- Every script that changes something ends with this, and answers what it returns.
local function done(result)
  if m.renewed + RENEW_MSEC <= now or m.renewed > now then
    m.renewed, was.renewed = now, -1
  end
  m.revision = m.revision + 1
  local changes = {}
  for i = NUMBERS, #FIELDS do
    local field = FIELDS[i]
    if m[field] ~= was[field] then
      changes[#changes + 1] = field
      changes[#changes + 1] = m[field]
      if TALLIED[field] and was[field] <= 0 then
        for _, key in ipairs(TALLIED[field]) do
          call('EXPIRE', key, SAFETY_SEC)
        end
      end
    end
  end
  call('HSET', META, unpack(changes))
  return { result, m.revision }
end

-- ---- sessions ----

local function load(id)
  local packed = id and call('HGET', SESSIONS, id)
  if not packed then
    return nil
  end
  local f = cmsgpack.unpack(packed)
  return {
    id = id, character = f[1], user = f[2], name = f[3], role = f[4], state = f[5], room = f[6], holder = f[7],
    connection = f[8], number = f[9], version = f[10], turn = f[11], secret = f[12],
    ends = f[13], -- when its state ends; -1: it does not
    offered = f[14], -- connecting because a seat was offered to it
    taken = f[15], -- when this holder took hold of it
    asks = f[16], -- hash, until when, hash, until when ...; oldest first
    auth_until = f[17] or 0, -- absent in what a build before 0.3.0 has kept: not known
  }
end

local function keep(r)
  call('HSET', SESSIONS, r.id, cmsgpack.pack({ r.character, r.user, r.name, r.role, r.state, r.room, r.holder,
    r.connection, r.number, r.version, r.turn, r.secret, r.ends, r.offered, r.taken, r.asks, r.auth_until }))
end

-- Adds a session to an answer.
local function put(answer, r)
  local n = #answer
  for i, value in ipairs({ r.id, r.character, r.user, r.name, r.role, r.state, r.room, r.holder, r.connection,
    r.number, r.version, r.turn, r.secret, r.ends == -1 and -1 or math.max(r.ends - now, 0), r.auth_until }) do
    answer[n + i] = value
  end
  return answer
end

-- Adds a session without its secret, or nobody (nil, false).
local function put_whom(answer, r)
  answer[#answer + 1] = r and 1 or 0
  if r then
    local secret = r.secret
    r.secret = ''
    put(answer, r)
    r.secret = secret
  end
  return answer
end

local function due(r)
  return r.ends ~= -1 and r.ends <= now
end

local function raise(r)
  m.version = m.version + 1
  r.version = m.version
end

local function add_attempt(r)
  local others = call('HGET', USERS, r.user)
  call('HSET', USERS, r.user, others and others .. ' ' .. r.id or r.id)
  if not others then
    m.users = m.users + 1
  end
end

local function remove_attempt(r)
  local left = {}
  for id in string.gmatch(call('HGET', USERS, r.user), '%S+') do
    if id ~= r.id then
      left[#left + 1] = id
    end
  end
  if #left > 0 then
    call('HSET', USERS, r.user, table.concat(left, ' '))
  else
    call('HDEL', USERS, r.user)
    m.users = m.users - 1
  end
end

local function is_attempt(state)
  return state == 'waiting' or state == 'connecting'
end

-- From the state it is in (nil: none yet) to another (nil: none any more).
local function move(r, state)
  local before = r.state
  if before == state then
    return
  end
  if before then
    m[before] = m[before] - 1
  end
  if state then
    m[state] = m[state] + 1
  end
  if before == 'waiting' then
    call('ZREM', QUEUE, r.id)
  elseif state == 'waiting' then
    call('ZADD', QUEUE, r.number, r.id)
  end
  if is_attempt(before) and not is_attempt(state) then
    remove_attempt(r)
  elseif is_attempt(state) and not is_attempt(before) then
    add_attempt(r)
  end
  r.state = state
end

-- When its state ends; -1: it does not.
local function last_until(r, ends)
  if ends ~= -1 then
    m.timed = m.timed + call('ZADD', DEADLINES, ends, r.id)
  elseif r.ends ~= -1 then
    m.timed = m.timed - call('ZREM', DEADLINES, r.id)
  end
  r.ends = ends
end

local function unhold(r)
  m.held = m.held - call('ZREM', HELD, r.holder .. '\0' .. r.id)
end

local function release(r)
  unhold(r)
  r.holder, r.connection = '', 0
end

-- Also by '', who never beats, when nobody knows who holds it.
local function hold(r, holder, connection)
  m.held = m.held + call('ZADD', HELD, 0, holder .. '\0' .. r.id)
  m.holders = m.holders + call('ZADD', HOLDERS, 'NX', now, holder)
  if r.holder ~= holder then
    unhold(r)
  end
  r.holder, r.connection, r.taken = holder, connection, now
end

-- ---- secrets ----

-- A secret is no good any more. kind: S, it was shown or revoked; E, it ran out.
local function bury(hash, kind)
  local ends = string.format('%.0f', now + TOMBSTONE_MSEC)
  if call('HSET', TOMBS, hash, kind .. ends) == 1 then
    call('RPUSH', GRAVES, hash .. ends)
    m.tombstones = m.tombstones + 1
  end
  local oldest = call('LINDEX', GRAVES, 0)
  while oldest and (tonumber(string.sub(oldest, 33)) <= now or m.tombstones > TOMBSTONES_MAX) do
    m.tombstones = m.tombstones - call('HDEL', TOMBS, string.sub(oldest, 1, 32))
    call('LPOP', GRAVES)
    oldest = call('LINDEX', GRAVES, 0)
  end
end

local function take_secret(r, kind)
  if r.secret ~= '' then
    m.secrets = m.secrets - call('HDEL', SECRETS, r.secret)
    bury(r.secret, kind)
    r.secret = ''
  end
end

local function give_secret(r, hash)
  m.secrets = m.secrets + call('HSET', SECRETS, hash, r.id)
  take_secret(r, 'S')
  r.secret = hash
end

-- The session that a hash opens, if any; and what is wrong with the hash, or nil.
local function opened_by(hash)
  local r = load(call('HGET', SECRETS, hash))
  if r then
    return r, due(r) and 'EXPIRED' or nil
  end
  local tomb = call('HGET', TOMBS, hash)
  if not tomb or tonumber(string.sub(tomb, 2)) <= now then
    return nil, 'UNKNOWN'
  end
  return nil, string.sub(tomb, 1, 1) == 'S' and 'SPENT' or 'EXPIRED'
end

local function void_asks(r)
  for i = 1, #r.asks, 2 do
    m.asks = m.asks - call('HDEL', ASKS, r.asks[i])
  end
  r.asks = {}
end

-- ---- rooms ----

local function read_rooms(room_size)
  if m.room_size == room_size then
    return
  end
  m.room_size = room_size
  call('DEL', OPEN)
  m.open, was.open = 0, -1
  local rooms = call('HGETALL', ROOMS)
  for i = 1, #rooms, 2 do
    if tonumber(rooms[i + 1]) < room_size then
      m.open = m.open + call('ZADD', OPEN, rooms[i], rooms[i])
    end
  end
end

local function add_to_room(r, room)
  m.rooms = m.rooms + call('HSETNX', ROOMS, room, 0)
  if call('HINCRBY', ROOMS, room, 1) < m.room_size then
    m.open = m.open + call('ZADD', OPEN, room, room)
  else
    m.open = m.open - call('ZREM', OPEN, room)
  end
  r.room = room
end

-- Into the first room with a place. m.room_next: every room below it has had a session.
local function enter_room(r, room_size)
  read_rooms(room_size)
  local room = tonumber(call('ZRANGE', OPEN, 0, 0)[1])
  if not room or room > m.room_next then
    while call('HEXISTS', ROOMS, m.room_next) == 1 do
      m.room_next = m.room_next + 1
    end
    room = math.min(room or m.room_next, m.room_next)
  end
  add_to_room(r, room)
end

local function leave_room(r)
  if r.room ~= 0 and call('HINCRBY', ROOMS, r.room, -1) < m.room_size then
    m.open = m.open + call('ZADD', OPEN, r.room, r.room)
  end
end

-- ---- beginning and end ----

-- A session of which nothing is known yet but who and what it is.
local function add(r, state)
  call('HSET', CHARACTERS, r.character, r.id)
  call('ZADD', ORDER, r.number, r.id)
  move(r, state)
end

-- It goes, but for what it was: where it was and who held it. kind: what its secret is from now on, see bury.
local function remove(r, kind)
  move(r, nil)
  last_until(r, -1)
  unhold(r)
  leave_room(r)
  take_secret(r, kind)
  void_asks(r)
  call('HDEL', CHARACTERS, r.character)
  call('ZREM', ORDER, r.id)
  call('HDEL', SESSIONS, r.id)
  emptied()
end

local function finish(r, kind)
  remove(r, kind)
  r.state = 'ended'
  raise(r)
end

local function capacity_of(limit)
  return m.capacity > 0 and m.capacity or tonumber(limit)
end

local function seats()
  return m.connecting + m.active + m.grace
end
