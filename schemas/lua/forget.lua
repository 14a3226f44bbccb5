-- forget -- as if the instance had never been restored. OK.
local why, newer = fault()
if newer then
  return { 'UNAVAILABLE', 0, why }
end
call('UNLINK', unpack(KEPT))
return { 'OK', 0 }
