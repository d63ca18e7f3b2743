//! The script that charges a request: the arithmetic of `waygate_core::Usage`, in microseconds.

/// Asks every counter of a request, and adds to them if the request is admitted; one step that nothing comes between.
///
/// Keys: the counters, in the order of the meters. Arguments: the time in microseconds since 1970, or nothing for the
/// clock of Redis; then for each limit whether it is in shadow and how many meters it has, and for each of these the
/// algorithm, the amount, the capacity and the period in microseconds.
///
/// A request is denied, and counted nowhere, if a limit that is not in shadow has a meter that denies it. A limit in
/// shadow that would deny it does not count it.
///
/// Answers whether it was admitted, the time, and for each meter whether it admits, what remains (after this request,
/// where it was counted), and in how many microseconds more remains.
///
/// A counter is a hash (`f`: start, count; `s`: latest, previous, current; `t`: at, tokens, part) or, for `m`, a sorted
/// set: one member for each time at which requests passed, named by how many had passed until then, scored by the time.
/// Members that are over are removed, but for the last, whose name is where counting begins.
///
/// Numbers are doubles; all that are used are integers below 2^53, and products that may be larger are divided bit by bit.
pub(super) const CHARGE: &str = r"
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local floor, min, max = math.floor, math.min, math.max
local function text(number) return string.format('%.0f', number) end

-- a * b / c rounded down, and what is left over c.
local function divide(a, b, c)
  if a * b < 9007199254740992 then
    local rest = (a * b) % c
    return (a * b - rest) / c, rest
  end
  local a_rest, b_rest = a % c, b % c
  local whole = (a - a_rest) / c * b + a_rest * ((b - b_rest) / c)
  local bit = 1
  while bit * 2 <= a_rest do bit = bit * 2 end
  local quotient, rest = 0, 0
  while bit >= 1 do
    quotient, rest = quotient * 2, rest * 2
    if a_rest >= bit then a_rest, rest = a_rest - bit, rest + b_rest end
    while rest >= c do quotient, rest = quotient + 1, rest - c end
    bit = bit / 2
  end
  return whole + quotient, rest
end
local function divide_up(a, b, c)
  local quotient, rest = divide(a, b, c)
  if rest > 0 then return quotient + 1 end
  return quotient
end
local function settled(latest, period)
  if latest > now and latest - now > period then return now end
  return max(now, latest)
end
local function ahead(latest, period) return latest > now and latest - now > period end
local function numbers(key, ...)
  local values = redis.call('HMGET', key, ...)
  for index = 1, select('#', ...) do values[index] = tonumber(values[index] or 0) end
  return unpack(values)
end

local kinds = {}

kinds.f = {
  read = function(m)
    m.start, m.count = numbers(m.key, 'start', 'count')
    if ahead(m.start, m.period) then m.start, m.changed = now, true end
  end,
  used = function(m) if now >= m.start + m.period then return 0 end return m.count end,
  wait = function(m) return max(0, min(m.start, now) + m.period - now) end,
  add = function(m)
    if m.kind.used(m) == 0 then m.start, m.count = now, 0 end
    m.start, m.count = min(m.start, now), m.count + 1
  end,
  write = function(m)
    redis.call('HSET', m.key, 'start', text(m.start), 'count', text(m.count))
    return m.start + m.period
  end,
}

local function view(m)
  local at = settled(m.latest, m.period)
  local steps = floor(at / m.period) - floor(min(m.latest, at) / m.period)
  local left = m.period - at % m.period
  if steps == 0 then return m.previous, m.current, left, at - now end
  if steps == 1 then return m.current, 0, left, at - now end
  return 0, 0, left, at - now
end
kinds.s = {
  read = function(m)
    m.latest, m.previous, m.current = numbers(m.key, 'latest', 'previous', 'current')
    if ahead(m.latest, m.period) then m.latest, m.changed = now, true end
  end,
  used = function(m)
    local previous, current, left = view(m)
    return current + (divide(previous, left, m.period))
  end,
  wait = function(m, target)
    local previous, current, left, late = view(m)
    local function left_for(most, count) return min(divide_up(most + 1, m.period, count) - 1, m.period) end
    if target < current then return late + left + m.period - left_for(target, current) end
    if previous == 0 then return late end
    return late + left - min(left_for(target - current, previous), left)
  end,
  add = function(m)
    local previous, current = view(m)
    m.latest, m.previous, m.current = settled(m.latest, m.period), previous, current + 1
  end,
  write = function(m)
    redis.call('HSET', m.key, 'latest', text(m.latest), 'previous', text(m.previous), 'current', text(m.current))
    return (floor(m.latest / m.period) + 2) * m.period
  end,
}

-- Whole tokens that are missing, and the part of one in the period's parts.
local function missing(m)
  local tokens, part = m.tokens, min(m.part, m.period - 1)
  local gained, gained_part = divide(m.amount, max(0, settled(m.at, m.period) - m.at), m.period)
  tokens, part = tokens - gained, part - gained_part
  if part < 0 then tokens, part = tokens - 1, part + m.period end
  if tokens < 0 then return 0, 0 end
  return tokens, part
end
kinds.t = {
  read = function(m)
    m.at, m.tokens, m.part = numbers(m.key, 'at', 'tokens', 'part')
    if ahead(m.at, m.period) then m.at, m.changed = now, true end
  end,
  used = function(m)
    local tokens, part = missing(m)
    if part > 0 then return tokens + 1 end
    return tokens
  end,
  wait = function(m, target)
    local tokens, part = missing(m)
    local late = settled(m.at, m.period) - now
    if tokens < target then return late end
    local whole, rest = divide(tokens - target, m.period, m.amount)
    return late + whole + divide_up(rest + part, 1, m.amount)
  end,
  add = function(m)
    local tokens, part = missing(m)
    m.at, m.tokens, m.part = settled(m.at, m.period), tokens + 1, part
  end,
  write = function(m)
    redis.call('HSET', m.key, 'at', text(m.at), 'tokens', text(m.tokens), 'part', text(m.part))
    return now + m.kind.wait(m, 0)
  end,
}

local function cell(found) return found[1] and {passed = tonumber(found[1]), at = tonumber(found[2])} end
kinds.m = {
  read = function(m)
    m.latest = cell(redis.call('ZRANGE', m.key, -1, -1, 'WITHSCORES'))
    if m.latest and ahead(m.latest.at, m.period) then
      redis.call('ZREMRANGEBYSCORE', m.key, text(now), '+inf')
      redis.call('ZADD', m.key, text(now), text(m.latest.passed))
      m.latest.at, m.changed = now, true
    end
    local over = '(' .. text(now - m.period)
    m.gone = cell(redis.call('ZREVRANGEBYSCORE', m.key, over, '-inf', 'WITHSCORES', 'LIMIT', 0, 1))
  end,
  used = function(m)
    if not m.latest then return 0 end
    return m.latest.passed - (m.gone and m.gone.passed or 0)
  end,
  wait = function(m, target)
    local wanted = m.latest.passed - target
    local first = m.gone and redis.call('ZRANK', m.key, text(m.gone.passed)) + 1 or 0
    local last = redis.call('ZCARD', m.key) - 1
    local found = cell(redis.call('ZRANGE', m.key, first, first, 'WITHSCORES'))
    if found.passed < wanted then
      while first < last do
        local middle = floor((first + last) / 2)
        if tonumber(redis.call('ZRANGE', m.key, middle, middle)[1]) >= wanted then last = middle else first = middle + 1 end
      end
      found = cell(redis.call('ZRANGE', m.key, first, first, 'WITHSCORES'))
    end
    return max(0, found.at + m.period + 1 - now)
  end,
  add = function(m)
    local at = now
    if m.capacity > 1024 then
      local grid = floor(m.period / 1024)
      at = math.ceil(now / grid) * grid
    end
    if m.gone then redis.call('ZREMRANGEBYSCORE', m.key, '-inf', '(' .. text(m.gone.at)) end
    if m.kind.used(m) == 0 then
      redis.call('DEL', m.key)
      m.latest, m.gone = {passed = 1, at = at}, nil
    elseif m.latest.at >= at then
      redis.call('ZREM', m.key, text(m.latest.passed))
      m.latest.passed = m.latest.passed + 1
    else
      m.latest = {passed = m.latest.passed + 1, at = at}
    end
    redis.call('ZADD', m.key, text(m.latest.at), text(m.latest.passed))
  end,
  write = function(m) return m.latest.at + m.period + 1 end,
}

local function step(m, allowed)
  if m.capacity == 0 then
    m.allowed, m.remaining, m.reset = false, 0, m.period
    return
  end
  local used = m.kind.used(m)
  m.allowed, m.remaining, m.reset = used < m.capacity, max(0, m.capacity - used), 0
  if used > 0 then m.reset = m.kind.wait(m, min(used, m.capacity) - 1) end
  if allowed ~= nil then m.allowed = allowed end
end

local limits, meters, admitted = {}, {}, true
local index = 2
while index <= #ARGV do
  local limit = {shadow = ARGV[index] == '1', allowed = true, meters = {}}
  limits[#limits + 1] = limit
  local count = tonumber(ARGV[index + 1])
  index = index + 2
  for _ = 1, count do
    local m = {
      key = KEYS[#meters + 1], kind = kinds[ARGV[index]], amount = tonumber(ARGV[index + 1]),
      capacity = tonumber(ARGV[index + 2]), period = tonumber(ARGV[index + 3]),
    }
    index = index + 4
    meters[#meters + 1], limit.meters[#limit.meters + 1] = m, m
    if m.capacity > 0 then m.kind.read(m) end
    step(m)
    limit.allowed = limit.allowed and m.allowed
  end
  admitted = admitted and (limit.allowed or limit.shadow)
end

for _, limit in ipairs(limits) do
  local counts = admitted and limit.allowed
  for _, m in ipairs(limit.meters) do
    if counts then m.kind.add(m) end
    if counts or m.changed then
      local ends = m.kind.write(m)
      redis.call('PEXPIRE', m.key, text(max(1, math.ceil((ends - now) / 1000) + 1000)))
    end
    if counts then step(m, true) end
  end
end

local answer = {admitted and 1 or 0, text(now)}
for _, m in ipairs(meters) do
  answer[#answer + 1] = m.allowed and 1 or 0
  answer[#answer + 1] = m.remaining
  answer[#answer + 1] = m.reset
end
return answer
";
