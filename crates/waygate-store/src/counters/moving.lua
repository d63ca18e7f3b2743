-- A list of the times at which requests passed, oldest first: how many had passed until then, the time, until when the list
-- is kept, and how many had passed before. What is over is removed when something is added.
local moving = {}

local function cell(packed)
  if packed then return struct.unpack('<dddd', packed) end
end

local function text(number) return string.format('%.0f', number) end

-- What was timed later than now, by a clock that has been set back since, has passed now.
local function follow_clock(key, latest, now, period)
  local before, kept = nil, now + 2 * period
  repeat
    local _, _, _, earlier = cell(redis.call('RPOP', key))
    before = earlier
    local _, at = cell(redis.call('LINDEX', key, -1))
  until not at or at < now
  redis.call('RPUSH', key, struct.pack('<dddd', latest, now, kept, before))
  redis.call('PEXPIRE', key, text(math.ceil(2 * period / 1000) + 1000))
  return kept
end

-- The place of the first cell of which something is so much or more: 1 for how many had passed, 2 for the time.
local function search(key, field, least)
  local low, high = 0, redis.call('LLEN', key) - 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if select(field, cell(redis.call('LINDEX', key, middle))) >= least then high = middle else low = middle + 1 end
  end
  return low, cell(redis.call('LINDEX', key, low))
end

-- As in the other algorithms: what is to be written, when more remains, how many counted already, how long it is kept.
function moving.charge(key, now, period, capacity, counts)
  local latest, latest_at, kept, before = cell(redis.call('LINDEX', key, -1))
  if latest and latest_at - now > period then
    kept = follow_clock(key, latest, now, period)
    latest_at, before = now, select(4, cell(redis.call('LINDEX', key, -1)))
  end
  -- The first cell that counts, and how many before it are over.
  local over, gone, over_cells, first, first_at = now - period, 0, 0, nil, nil
  if latest and latest_at >= over then
    local oldest = redis.call('LRANGE', key, 0, 1)
    local _
    first, first_at, _, gone = cell(oldest[1])
    if first_at < over then
      over_cells = 1
      first, first_at, _, gone = cell(oldest[2])
      if first_at < over then over_cells, first, first_at, _, gone = search(key, 2, over) end
    end
  end

  local used = first and latest - gone or 0
  if not counts or used >= capacity then
    if used == 0 then return false, 0, 0 end
    local at, wanted = first_at, gone + used - (used < capacity and used or capacity) + 1
    if first < wanted then
      local _
      _, _, at = search(key, 1, wanted)
    end
    local record, life
    if latest_at + period + 1 > kept then
      kept = latest_at + 2 * period + 1
      record, life = {'LSET', struct.pack('<dddd', latest, latest_at, kept, before), 0}, kept - now
    end
    if at + period < now then return record or false, 0, used, life end
    return record or false, at + period + 1 - now, used, life
  end

  local at, command = now, 'RPUSH'
  if capacity > 1024 then
    local grid = math.floor(period / 1024)
    at = math.ceil(now / grid) * grid
  end
  if used == 0 then
    command, latest, latest_at, kept, before, first_at = latest and 'DEL' or 'RPUSH', 1, at, 0, 0, at
  elseif latest_at >= at then
    command, latest = 'LSET', latest + 1
  else
    latest, latest_at, before = latest + 1, at, latest
  end
  local ends, life = latest_at + period + 1, nil
  if ends > kept then
    kept = ends + period
    life = kept - now
  end
  local reset = 0
  if first_at + period >= now then reset = first_at + period + 1 - now end
  return {command, struct.pack('<dddd', latest, latest_at, kept, before), over_cells}, reset, used, life
end

function moving.write(key, record, life)
  local command, packed, over_cells = record[1], record[2], record[3]
  if command == 'DEL' then
    redis.call('DEL', key)
  elseif over_cells > 0 then
    redis.call('LTRIM', key, over_cells, -1)
  end
  if command == 'LSET' then redis.call('LSET', key, -1, packed) else redis.call('RPUSH', key, packed) end
  if life then redis.call('PEXPIRE', key, life) end
end

