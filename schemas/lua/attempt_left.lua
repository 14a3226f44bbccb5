-- attempt_left -- how long any of these subjects (KEYS: a user, an address) is locked yet.
-- OK: ms.
local left = 0
for _, key in ipairs(KEYS) do
  local packed = call('GET', key)
  if packed then
    left = math.max(left, cmsgpack.unpack(packed)[1] - now)
  end
end
return { 'OK', 0, left }
