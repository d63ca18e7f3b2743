-- A sorted set: one member for each time at which requests passed, named by how many had passed until then, scored by the
-- time. Members that are over are removed, but for the last, whose name is where counting begins.
local moving = {}
local function whole(number) return string.format('%.0f', number) end

function moving.read(key, now, period)
  local m = {}
  local newest = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if not newest[1] then return m end
  m.latest, m.latest_at = tonumber(newest[1]), tonumber(newest[2])
  local turned
  if m.latest_at - now > period then
    redis.call('ZREMRANGEBYSCORE', key, whole(now), '+inf')
    redis.call('ZADD', key, whole(now), newest[1])
    m.latest_at, turned = now, true
  end
  local over, oldest = now - period, redis.call('ZRANGE', key, 0, 1, 'WITHSCORES')
  if tonumber(oldest[2]) >= over then
    m.first, m.first_at = tonumber(oldest[1]), tonumber(oldest[2])
  elseif oldest[3] and tonumber(oldest[4]) < over then
    local gone = redis.call('ZREVRANGEBYSCORE', key, '(' .. whole(over), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
    m.gone = tonumber(gone[1])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. gone[2])
    local first = redis.call('ZRANGE', key, 1, 1, 'WITHSCORES')
    if first[1] then m.first, m.first_at = tonumber(first[1]), tonumber(first[2]) end
  else
    m.gone = tonumber(oldest[1])
    if oldest[3] then m.first, m.first_at = tonumber(oldest[3]), tonumber(oldest[4]) end
  end
  return m, turned
end

function moving.used(m)
  if not m.latest then return 0 end
  return m.latest - (m.gone or 0)
end

function moving.add(m, key, now, period, capacity)
  local at = now
  if capacity > 1024 then
    local grid = math.floor(period / 1024)
    at = math.ceil(now / grid) * grid
  end
  if moving.used(m) == 0 then
    if m.latest then redis.call('DEL', key) end
    m.latest, m.latest_at, m.gone, m.first, m.first_at = 1, at, nil, 1, at
  elseif m.latest_at >= at then
    redis.call('ZREM', key, whole(m.latest))
    if m.first == m.latest then m.first = m.latest + 1 end
    m.latest = m.latest + 1
  else
    m.latest, m.latest_at = m.latest + 1, at
  end
  redis.call('ZADD', key, whole(m.latest_at), whole(m.latest))
end

-- Until so many of those that count are over.
function moving.wait(m, key, now, period, leaving)
  local wanted, at = (m.gone or 0) + leaving, m.first_at
  if m.first < wanted then
    local low, high = m.gone and 1 or 0, redis.call('ZCARD', key) - 1
    while low < high do
      local middle = math.floor((low + high) / 2)
      if tonumber(redis.call('ZRANGE', key, middle, middle)[1]) >= wanted then high = middle else low = middle + 1 end
    end
    at = tonumber(redis.call('ZRANGE', key, low, low, 'WITHSCORES')[2])
  end
  return math.max(0, at + period + 1 - now)
end

