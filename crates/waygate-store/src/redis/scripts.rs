//! The scripts that the store runs, each one step that nothing comes between.
//!
//! Keys, all of one hash tag: `head`, a hash with the cursors `cursor` (the newest), `start` (right before the oldest
//! kept commit) and `checkpoint`; `checkpoint`, the state there; `history`, a stream whose entry `<revision>-0` has the
//! fields `cursor` and `commit`.

/// Begins a history where there is none. Keys: head, checkpoint, history. Arguments: the cursor of the beginning, the
/// empty state.
pub(super) const BEGIN: &str = r"
if redis.call('HEXISTS', KEYS[1], 'cursor') == 1 then return 0 end
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('HSET', KEYS[1], 'cursor', ARGV[1], 'start', ARGV[1], 'checkpoint', ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
return 1
";

/// What somebody who stands at a cursor has to learn. Keys as for [`BEGIN`]. Arguments: the cursor, its revision.
///
/// Answers `after` with the commits that follow; `all` with start, checkpoint and every kept commit where the cursor is
/// not of this history, or the commits that follow are gone; `none` where there is no history.
pub(super) const READ: &str = r"
local head = redis.call('HMGET', KEYS[1], 'cursor', 'start')
if not head[1] then return {'none', '', '', {}} end
if head[1] == ARGV[1] then return {'after', '', '', {}} end
local known = head[2] == ARGV[1]
if not known then
  local entry = redis.call('XRANGE', KEYS[3], ARGV[2] .. '-0', ARGV[2] .. '-0')[1]
  known = entry and entry[2][2] == ARGV[1]
end
local entries = redis.call('XRANGE', KEYS[3], known and '(' .. ARGV[2] .. '-0' or '-', '+')
local commits = {}
for index, entry in ipairs(entries) do commits[index] = entry[2][4] end
if known then return {'after', '', '', commits} end
return {'all', head[2], redis.call('GET', KEYS[2]) or '', commits}
";

/// Appends commits if the base is the newest cursor; then lets go of the oldest, but of none that the checkpoint does
/// not cover. Keys: head, history. Arguments: the base, the newest revision to let go of (negative for none), and for
/// each commit its revision, cursor and text.
///
/// Answers whether it was done, and the cursor of the checkpoint.
pub(super) const COMMIT: &str = r"
local head = redis.call('HMGET', KEYS[1], 'cursor', 'start', 'checkpoint')
if head[1] ~= ARGV[1] then return {0, ''} end
for index = 3, #ARGV, 3 do
  redis.call('XADD', KEYS[2], ARGV[index] .. '-0', 'cursor', ARGV[index + 1], 'commit', ARGV[index + 2])
  redis.call('HSET', KEYS[1], 'cursor', ARGV[index + 1])
end
local covered = tonumber(string.match(head[3], ':(%d+):'))
local gone = string.format('%.0f', math.min(tonumber(ARGV[2]), covered))
if tonumber(gone) > tonumber(string.match(head[2], ':(%d+):')) then
  local last = redis.call('XRANGE', KEYS[2], gone .. '-0', gone .. '-0')[1]
  if last then
    redis.call('HSET', KEYS[1], 'start', last[2][2])
    redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f', tonumber(gone) + 1) .. '-0')
  end
end
return {1, head[3]}
";

/// Writes down again what is there, for replicas to confirm. Keys: head.
pub(super) const CONFIRM: &str = r"
local cursor = redis.call('HGET', KEYS[1], 'cursor')
if cursor then redis.call('HSET', KEYS[1], 'cursor', cursor) end
return cursor or ''
";

/// Begins another history in the place of one. Keys: head, checkpoint, history, side, ends of side, and where each of
/// them goes. Arguments: the newest cursor of the one, the cursor of the beginning of the other, the empty state, and
/// for each commit its revision, cursor and text. Answers whether it was done.
pub(super) const REPLACE: &str = r"
if redis.call('HGET', KEYS[1], 'cursor') ~= ARGV[1] then return 0 end
for index = 1, 5 do
  if redis.call('EXISTS', KEYS[index]) == 1 then redis.call('RENAME', KEYS[index], KEYS[index + 5]) end
end
redis.call('HSET', KEYS[1], 'cursor', ARGV[2], 'start', ARGV[2], 'checkpoint', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
for index = 4, #ARGV, 3 do
  redis.call('XADD', KEYS[3], ARGV[index] .. '-0', 'cursor', ARGV[index + 1], 'commit', ARGV[index + 2])
  redis.call('HSET', KEYS[1], 'cursor', ARGV[index + 1])
end
return 1
";

/// Replaces the checkpoint by a newer one of the same history. Keys as for [`BEGIN`]. Arguments: its cursor, its
/// revision, the state.
pub(super) const CHECKPOINT: &str = r"
local before = redis.call('HGET', KEYS[1], 'checkpoint')
local entry = redis.call('XRANGE', KEYS[3], ARGV[2] .. '-0', ARGV[2] .. '-0')[1]
if not before or not entry or entry[2][2] ~= ARGV[1] then return 0 end
if tonumber(string.match(before, ':(%d+):')) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'checkpoint', ARGV[1])
redis.call('SET', KEYS[2], ARGV[3])
return 1
";

/// The values of the side table, or its notes. Keys: values (a hash), ends (a sorted set of what expires, in milliseconds).
/// Arguments: `key` or `prefix`, and which. Answers keys and values in turn.
pub(super) const SIDE_READ: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found, over = {}, {}
if ARGV[1] == 'key' then
  local ends, value = redis.call('ZSCORE', KEYS[2], ARGV[2]), redis.call('HGET', KEYS[1], ARGV[2])
  if value and not (ends and tonumber(ends) <= now) then found = {ARGV[2], value} end
  return found
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do over[key] = true end
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  local key = all[index]
  if not over[key] and string.sub(key, 1, #ARGV[2]) == ARGV[2] then
    found[#found + 1] = key
    found[#found + 1] = all[index + 1]
  end
end
return found
";

/// Swaps a value of the side table, by the clock of Redis. Keys as for [`SIDE_READ`]. Arguments: the key; whether one is
/// expected and which; whether one is new, which, and after how many milliseconds it is gone (0 for never).
pub(super) const SIDE_SWAP: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
end
local ends = redis.call('ZSCORE', KEYS[2], ARGV[1])
local value = redis.call('HGET', KEYS[1], ARGV[1])
if ends and tonumber(ends) <= now then value = false end
local expected = ARGV[2] == '1' and ARGV[3]
if value ~= expected then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[4] == '1' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[5])
  if ARGV[6] ~= '0' then redis.call('ZADD', KEYS[2], now + tonumber(ARGV[6]), ARGV[1]) end
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return 1
";

/// Puts notes, by the clock of Redis. Keys as for [`SIDE_READ`]. Arguments: for each note its key, what it says, and after
/// how many milliseconds it is gone (0 for never).
pub(super) const SIDE_NOTE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
end
for index = 1, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
  if ARGV[index + 2] == '0' then
    redis.call('ZREM', KEYS[2], ARGV[index])
  else
    redis.call('ZADD', KEYS[2], now + tonumber(ARGV[index + 2]), ARGV[index])
  end
end
return 1
";
