-- A list of the times at which requests passed, oldest first: how many had passed until then, the time, and until when the
-- list is kept. What is over is removed, but for the last, which says where counting begins.
local moving = {}

local function cell(packed)
  if packed then return struct.unpack('<ddd', packed) end
end

-- What was timed later than now, by a clock that has been set back since, has passed now.
local function follow_clock(key, latest, now)
  repeat
    redis.call('RPOP', key)
    local _, at = cell(redis.call('LINDEX', key, -1))
  until not at or at < now
  redis.call('RPUSH', key, struct.pack('<ddd', latest, now, 0))
end

-- The time of the first cell with so many passes or more, among those from this one on.
local function search(key, low, passed)
  local high = redis.call('LLEN', key) - 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if cell(redis.call('LINDEX', key, middle)) >= passed then high = middle else low = middle + 1 end
  end
  local _, at = cell(redis.call('LINDEX', key, low))
  return at
end

-- As in the other algorithms: what is to be written, when more remains, how many counted already, how long it is kept.
function moving.charge(key, now, period, capacity, counts)
  local latest, latest_at, kept = cell(redis.call('LINDEX', key, -1))
  if latest and latest_at - now > period then
    follow_clock(key, latest, now)
    latest_at, kept = now, 0
  end
  -- How many had passed when the time that counts began, and the first cell since.
  local gone, first, first_at, over = 0, nil, nil, now - period
  while latest do
    local oldest = redis.call('LRANGE', key, 0, 1)
    first, first_at = cell(oldest[1])
    if first_at >= over then break end
    gone = first
    first, first_at = cell(oldest[2])
    if not first or first_at >= over then break end
    redis.call('LPOP', key)
  end

  local used = first and latest - gone or 0
  if not counts or used >= capacity then
    if used == 0 then return false, 0, 0 end
    local at, wanted = first_at, gone + used - (used < capacity and used or capacity) + 1
    if first < wanted then at = search(key, gone > 0 and 1 or 0, wanted) end
    if at + period < now then return false, 0, used end
    return false, at + period + 1 - now, used
  end

  local at, command = now, 'RPUSH'
  if capacity > 1024 then
    local grid = math.floor(period / 1024)
    at = math.ceil(now / grid) * grid
  end
  if used == 0 then
    command, latest, latest_at, kept, first_at = latest and 'DEL' or 'RPUSH', 1, at, 0, at
  elseif latest_at >= at then
    command, latest = 'LSET', latest + 1
  else
    latest, latest_at = latest + 1, at
  end
  local ends, life = latest_at + period + 1, nil
  if ends > kept then
    kept = ends + period
    life = kept - now
  end
  local reset = 0
  if first_at + period >= now then reset = first_at + period + 1 - now end
  return {command, struct.pack('<ddd', latest, latest_at, kept)}, reset, used, life
end

function moving.write(key, record, life)
  local command, packed = record[1], record[2]
  if command == 'LSET' then
    redis.call('LSET', key, -1, packed)
  else
    if command == 'DEL' then redis.call('DEL', key) end
    redis.call('RPUSH', key, packed)
  end
  if life then redis.call('PEXPIRE', key, life) end
end

