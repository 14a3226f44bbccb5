-- attempt_failed -- one more failure of each of these subjects (KEYS), but of one that is locked. A subject is kept as
-- { locked until, time of a failure, ... }.
-- window ms, lock ms; of each subject: how many failures within the window lock it. OK: ms that any is locked yet.
local window, lock = tonumber(ARGV[5]), tonumber(ARGV[6])
local left = 0

local function fail(key, max)
  local packed = call('GET', key)
  local before = packed and cmsgpack.unpack(packed) or { 0 }
  if before[1] > now then
    return before[1]
  end
  local after = { 0 }
  for i = 2, #before do
    if before[i] > now - window then
      after[#after + 1] = before[i]
    end
  end
  after[#after + 1] = now
  if #after > max then
    after = { now + lock }
  end
  call('SET', key, cmsgpack.pack(after), 'PX', math.max(#after > 1 and window or lock, 1))
  return after[1]
end

for i, key in ipairs(KEYS) do
  local max = tonumber(ARGV[6 + i])
  if max > 0 then
    left = math.max(left, fail(key, max) - now)
  end
end
return { 'OK', 0, left }
