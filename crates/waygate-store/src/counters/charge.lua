local call, pack, parse = redis.call, struct.pack, struct.unpack
local now = tonumber(ARGV[2])
if not now then
  now = call('TIME')
  now = now[1] * 1000000 + now[2]
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

-- The first turn takes it that every limit admits the request, and the second is needed where one does not.
local settings, admitted, denies, records, lives, answer = ARGV[1], true, nil, nil, nil, nil
for turn = 1, 2 do
  local limit, position, place = 0, 1, 3
  records, lives = call('MGET', unpack(KEYS)), nil
  answer = {admitted and 1 or 0, now, 0, 0, 0, 0, 0, 0, 0, 0, 0}
  for index = 1, #KEYS do
    local kind, flags, amount, capacity, period
    kind, flags, amount, capacity, period, position = parse('<BBddd', settings, position)
    if flags > 1 then limit = limit + 1 end
    local counts = turn == 1 or (admitted and not denies[limit])
    -- How many count already; until when the record has to be kept, where that is not known to Redis.
    local used, reset, life = 0, 0, nil
    local raw = records[index]
    local record = raw
    if capacity == 0 then
      record, reset = false, period
    elseif kind == 0 then
      local start, kept, clock_went_back = now, 0, false
      if record and #record == 24 then
        start, used, kept = parse('<ddd', record)
        if start > now then
          clock_went_back = start - now > period
          if counts or clock_went_back then start = now end
        elseif now >= start + period then
          start, used = now, 0
        end
      end
      local count = used
      record = false
      if counts then count = count + 1 end
      local ends = start + period
      if count > 0 and ends > kept then kept, life = ends, ends - now end
      if counts or clock_went_back or life then record = pack('<ddd', start, count, kept) end
      if count > 0 then
        reset = period
        if start < now then reset = ends - now end
      end
    elseif kind == 1 then
      local latest, previous, current, kept, clock_went_back = now, 0, 0, 0, false
      if record and #record == 32 then
        latest, previous, current, kept = parse('<dddd', record)
        if latest - now > period then latest, clock_went_back = now, true end
      end
      local at = latest
      if at < now then at = now end
      local into = at % period
      local left, steps = period - into, at - into - latest + latest % period
      if steps == period then previous, current = current, 0 elseif steps > period then previous, current = 0, 0 end
      used = current
      if previous > 0 then used = used + divide(previous, left, period) end
      local count = used
      record = false
      if counts then current, count = current + 1, count + 1 end
      local ends = at + left + period
      if count > 0 and ends > kept then kept, life = ends, ends - now end
      if counts or clock_went_back then
        record = pack('<dddd', at, previous, current, kept)
      elseif life then
        record = string.sub(raw, 1, 24) .. pack('<d', kept)
      end
      if count > 0 then
        -- Until the share of some requests is at most so many, in what is left of a period.
        local target = (count < capacity and count or capacity) - 1
        local most, shrinking, from = target - current, previous, left
        if target < current then most, shrinking, from = target, current, left + period end
        reset = at - now
        if shrinking > 0 then
          local quotient, rest = divide(most + 1, period, shrinking)
          if rest == 0 then quotient = quotient - 1 end
          if quotient > period then quotient = period end
          if target >= current and quotient > left then quotient = left end
          reset = reset + from - quotient
        end
      end
    elseif kind == 2 then
      local at, tokens, part, kept, clock_went_back = now, 0, 0, 0, false
      if record and #record == 32 then
        at, tokens, part, kept = parse('<dddd', record)
        if at - now > period then at, kept, clock_went_back = now, 0, true end
        if at < now then
          if part >= period then part = period - 1 end
          local gained, gained_part = divide(amount, now - at, period)
          tokens, part, at = tokens - gained, part - gained_part, now
          if part < 0 then tokens, part = tokens - 1, part + period end
          if tokens < 0 then tokens, part = 0, 0 end
        elseif part >= period then
          part = period - 1
        end
      end
      used = tokens
      if part > 0 then used = used + 1 end
      local count = used
      record = false
      if counts then tokens, count = tokens + 1, count + 1 end
      -- About when nothing is left of it; kept for a period more, so that this is written once for many requests.
      local ends = at + (tokens + 1) * period / amount
      if count > 0 and ends > kept then
        kept = math.ceil(ends + period)
        life = kept - now
      end
      if counts or clock_went_back then
        record = pack('<dddd', at, tokens, part, kept)
      elseif life then
        record = string.sub(raw, 1, 24) .. pack('<d', kept)
      end
      if count > 0 then
        local target = (count < capacity and count or capacity) - 1
        reset = at - now
        if tokens >= target then
          local whole, rest = divide(tokens - target, period, amount)
          rest = rest + part
          local over = rest % amount
          reset = reset + whole + (rest - over) / amount
          if over > 0 then reset = reset + 1 end
        end
      end
    else
      record, reset, used, life = moving.charge(KEYS[index], now, period, capacity, counts)
    end
    if used >= capacity and turn == 1 then
      denies = denies or {}
      denies[limit] = true
      if flags % 2 == 0 then admitted = false end
    end
    records[index] = record
    -- What is longer than the longest periods is as good as endless.
    if reset > 9007199254740991 then reset = 9007199254740991 end
    if life then
      if life > 630720000000000 then life = 630720000000000 end
      lives = lives or {}
      lives[index] = life
    end
    if counts then
      answer[place], answer[place + 1] = 1, capacity - used - 1
    elseif used < capacity then
      answer[place], answer[place + 1] = 1, capacity - used
    else
      answer[place], answer[place + 1] = 0, 0
    end
    answer[place + 2] = reset
    place = place + 3
  end
  if not denies then break end
end

for index = 1, #KEYS do
  local record, life = records[index], lives and lives[index]
  if life then life = string.format('%.0f', math.ceil(life / 1000) + 1000) end
  if not record then
  elseif moving and type(record) == 'table' then
    moving.write(KEYS[index], record, life)
  elseif life then
    call('SET', KEYS[index], record, 'PX', life)
  else
    call('SETRANGE', KEYS[index], 0, record)
  end
end
return answer
