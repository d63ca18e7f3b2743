local pack, unpack_meter, text, min, max, floor = struct.pack, struct.unpack, string.format, math.min, math.max, math.floor
local settings, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
if #KEYS == 0 then return {1, now} end

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

-- What each counter says, as of now; then whether its limit admits the request.
local records = redis.call('MGET', unpack(KEYS))
local first, second, third, used, turned, passes = {}, {}, {}, {}, {}, {}
local admitted, limit, position = true, 0, 1
for index = 1, #KEYS do
  local kind, flags, amount, capacity, period
  kind, flags, amount, capacity, period, position = unpack_meter('<BBddd', settings, position)
  if flags >= 2 then
    limit = limit + 1
    passes[limit] = true
  end
  local record, a, b, c, count = records[index], 0, 0, 0, 0
  if capacity == 0 then
    a, b, c = now, 0, 0
  elseif kind == 0 then
    if record then a, b = unpack_meter('<dd', record) end
    if a - now > period then a, turned[index] = now, true end
    if now >= a + period then a, b = now, 0 end
    count = b
  elseif kind == 3 then
    a, turned[index] = moving.read(KEYS[index], now, period)
    count = moving.used(a)
  else
    if record then a, b, c = unpack_meter('<ddd', record) end
    if a - now > period then a, turned[index] = now, true end
    local at = max(now, a)
    if kind == 1 then
      local steps = floor(at / period) - floor(a / period)
      if steps == 1 then b, c = c, 0 elseif steps > 1 then b, c = 0, 0 end
      count = c
      if b > 0 then count = count + divide(b, period - at % period, period) end
      third[index] = c
    else
      if b > 0 or c > 0 then
        local gained, part = divide(amount, at - a, period)
        b, c = b - gained, min(c, period - 1) - part
        if c < 0 then b, c = b - 1, c + period end
        if b < 0 then b, c = 0, 0 end
      end
      count = b
      if c > 0 then count = count + 1 end
      third[index] = c
    end
    a = at
  end
  first[index], second[index], used[index] = a, b, count
  if count >= capacity then
    passes[limit] = false
    if flags % 2 == 0 then admitted = false end
  end
end

-- Adds, and answers.
local answer = {admitted and 1 or 0, now}
local place = 2
limit, position = 0, 1
for index = 1, #KEYS do
  local kind, flags, amount, capacity, period
  kind, flags, amount, capacity, period, position = unpack_meter('<BBddd', settings, position)
  if flags >= 2 then limit = limit + 1 end
  local a, b, c, count = first[index], second[index], third[index], used[index]
  local counts = admitted and passes[limit]
  local allowed, reset, record, ends = counts or count < capacity, 0, nil, nil
  if capacity == 0 then
    reset = period
  elseif kind == 0 then
    if counts then
      a, count = min(a, now), count + 1
    end
    if counts and count > 1 and not turned[index] then
      redis.call('SET', KEYS[index], pack('<dd', a, count), 'KEEPTTL')
    elseif counts or turned[index] then
      record, ends = pack('<dd', a, count), a + period
    end
    if count > 0 then reset = max(0, min(a, now) + period - now) end
  elseif kind == 1 then
    local left = period - a % period
    if counts then
      c, count = c + 1, count + 1
    end
    if counts or turned[index] then record, ends = pack('<ddd', a, b, c), a + left + period end
    if count > 0 then
      -- Until the share of a count is at most so many, of what is left of the period.
      local target, late = min(count, capacity) - 1, a - now
      local most, shrinking, from = target - c, b, left
      if target < c then most, shrinking, from = target, c, left + period end
      if shrinking > 0 then
        local quotient, rest = divide(most + 1, period, shrinking)
        if rest == 0 then quotient = quotient - 1 end
        quotient = min(quotient, period)
        if target >= c then quotient = min(quotient, left) end
        reset = late + from - quotient
      else
        reset = late
      end
    end
  elseif kind == 2 then
    if counts then
      b, count = b + 1, count + 1
    end
    local late, target = a - now, min(count, capacity) - 1
    if count > 0 then
      reset = late
      if b >= target then
        local whole, rest = divide(b - target, period, amount)
        reset = late + whole + math.ceil((rest + c) / amount)
      end
    end
    if counts or turned[index] then
      local whole, rest = divide(b, period, amount)
      record, ends = pack('<ddd', a, b, c), a + whole + math.ceil((rest + c) / amount)
    end
  else
    if counts then
      moving.add(a, KEYS[index], now, period, capacity)
      count = moving.used(a)
    end
    if counts or turned[index] then
      redis.call('PEXPIRE', KEYS[index], text('%.0f', max(1, math.ceil((a.latest_at + period + 1 - now) / 1000) + 1000)))
    end
    if count > 0 then reset = moving.wait(a, KEYS[index], now, period, count - min(count, capacity) + 1) end
  end
  if record then
    redis.call('SET', KEYS[index], record, 'PX', text('%.0f', max(1, math.ceil((ends - now) / 1000) + 1000)))
  end
  answer[place + 1] = allowed and 1 or 0
  answer[place + 2] = max(0, capacity - count)
  answer[place + 3] = reset
  place = place + 3
end
return answer
