//! The scripts that the store runs, each one step that nothing comes between.
//!
//! Keys, all of one hash tag: `head`, a hash with the cursors `cursor` (the newest), `start` (right before the oldest
//! kept commit) and `checkpoint`; `checkpoint`, the state there; `commits`, a hash whose field `<revision>` is the
//! cursor, a space and the commit; `bell`, a stream of one entry that every change of the others replaces.
//!
//! # What a torn write may leave
//!
//! A Redis that is killed while it writes the effects of a script to its append-only file leaves a `MULTI` without its
//! `EXEC`. When it starts it drops them from memory and, up to a whole command, not from the file; the `EXEC` of whatever
//! is written next makes them happen at the start after that one. So each script here holds if any first part of its
//! effects happens at any later time: it sets what it sets absolutely, in an order in which nothing is believed before it
//! is whole, and nothing is believed beyond `head`. (A stream of commits would not do: what was torn would keep its place
//! from the commit that was acknowledged later.) And each has at least two effects, some of them twice: a single one would
//! be written without an `EXEC`, and go with the torn write before it. The exception is [`REPLACE`], which an operator runs
//! by hand and which `docs/stores.md` tells to follow by a rewrite of the file where Redis died meanwhile.

/// Begins a history where there is none. Keys: head, checkpoint, commits. Arguments: the cursor of the beginning, the
/// empty state.
pub(super) const BEGIN: &str = r"
if redis.call('HEXISTS', KEYS[1], 'cursor') == 1 then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[1], 'cursor', ARGV[1], 'start', ARGV[1], 'checkpoint', ARGV[1])
return 1
";

/// What somebody who stands at a cursor has to learn. Keys as for [`BEGIN`]. Arguments: the cursor, its revision.
///
/// Answers `after` with the newest cursor and the commits that follow; `all` with the newest cursor, start, checkpoint and
/// every kept commit where the cursor is not of this history, or some that follow are gone; `none` where there is
/// no history. A commit that is missing is the empty text.
pub(super) const READ: &str = r"
local head = redis.call('HMGET', KEYS[1], 'cursor', 'start')
if not head[1] then return {'none', '', '', '', {}} end
if head[1] == ARGV[1] then return {'after', head[1], '', '', {}} end
local newest, start = tonumber(string.match(head[1], ':(%d+):')), tonumber(string.match(head[2], ':(%d+):'))
if newest - start > 10000000 then return redis.error_reply('ERR the head speaks of more commits than are ever kept') end
local commits, whole = {}, true
local function collect(from)
  commits, whole = {}, true
  for first = from + 1, newest, 1000 do
    local revisions = {}
    for revision = first, math.min(first + 999, newest) do
      revisions[#revisions + 1] = string.format('%.0f', revision)
    end
    for _, entry in ipairs(redis.call('HMGET', KEYS[3], unpack(revisions))) do
      whole = whole and entry
      commits[#commits + 1] = entry and string.sub(entry, string.find(entry, ' ', 1, true) + 1) or ''
    end
  end
end
local at = tonumber(ARGV[2])
local known = head[2] == ARGV[1]
if not known and at > start and at < newest then
  local entry = redis.call('HGET', KEYS[3], ARGV[2])
  known = entry and string.sub(entry, 1, #ARGV[1] + 1) == ARGV[1] .. ' '
end
if known then
  collect(at)
  if whole then return {'after', head[1], '', '', commits} end
end
collect(start)
return {'all', head[1], head[2], redis.call('GET', KEYS[2]) or '', commits}
";

/// Appends commits if the base is the newest cursor; then lets go of the oldest, but of none that the checkpoint does
/// not cover. Keys: head, commits, bell. Arguments: the base, the newest revision to let go of (negative for none), and
/// for each commit its revision, cursor and text.
///
/// Answers whether it was done, and the cursor of the checkpoint.
pub(super) const COMMIT: &str = r"
local head = redis.call('HMGET', KEYS[1], 'cursor', 'start', 'checkpoint')
if head[1] ~= ARGV[1] then return {0, ''} end
if #ARGV == 2 then return {1, head[3]} end
local covered = tonumber(string.match(head[3], ':(%d+):'))
local oldest, gone = tonumber(string.match(head[2], ':(%d+):')), math.min(tonumber(ARGV[2]), covered)
for index = 3, #ARGV, 3 do
  redis.call('HSET', KEYS[2], ARGV[index], ARGV[index + 1] .. ' ' .. ARGV[index + 2])
end
redis.call('HSET', KEYS[1], 'cursor', ARGV[#ARGV - 1])
if gone > oldest and gone - oldest <= 10000000 then
  local last = redis.call('HGET', KEYS[2], string.format('%.0f', gone))
  if last then
    redis.call('HSET', KEYS[1], 'start', string.sub(last, 1, string.find(last, ' ', 1, true) - 1))
    for revision = oldest + 1, gone do redis.call('HDEL', KEYS[2], string.format('%.0f', revision)) end
  end
end
redis.call('XADD', KEYS[3], 'MAXLEN', 1, '*', 'cursor', ARGV[#ARGV - 1])
return {1, head[3]}
";

/// Writes down again what is there, for replicas to confirm. Keys: head.
pub(super) const CONFIRM: &str = r"
local cursor = redis.call('HGET', KEYS[1], 'cursor')
for _ = 1, cursor and 2 or 0 do redis.call('HSET', KEYS[1], 'cursor', cursor) end
return cursor or ''
";

/// Begins another history in the place of one. Keys: head, checkpoint, commits, side, ends of side, where each of them
/// goes, and bell. Arguments: the newest cursor of the one, the cursor of the beginning of the other, the empty state, and
/// for each commit its revision, cursor and text. Answers whether it was done.
pub(super) const REPLACE: &str = r"
if redis.call('HGET', KEYS[1], 'cursor') ~= ARGV[1] then return 0 end
for index = 1, 5 do
  if redis.call('EXISTS', KEYS[index]) == 1 then redis.call('RENAME', KEYS[index], KEYS[index + 5]) end
end
redis.call('SET', KEYS[2], ARGV[3])
for index = 4, #ARGV, 3 do
  redis.call('HSET', KEYS[3], ARGV[index], ARGV[index + 1] .. ' ' .. ARGV[index + 2])
end
local newest = #ARGV > 3 and ARGV[#ARGV - 1] or ARGV[2]
redis.call('HSET', KEYS[1], 'cursor', newest, 'start', ARGV[2], 'checkpoint', ARGV[2])
redis.call('XADD', KEYS[11], 'MAXLEN', 1, '*', 'cursor', newest)
return 1
";

/// Replaces the checkpoint by a newer one of the same history. Keys as for [`BEGIN`]. Arguments: its cursor, its
/// revision, the state.
pub(super) const CHECKPOINT: &str = r"
local head = redis.call('HMGET', KEYS[1], 'cursor', 'checkpoint')
local entry = redis.call('HGET', KEYS[3], ARGV[2])
if not head[2] or not entry or string.sub(entry, 1, #ARGV[1] + 1) ~= ARGV[1] .. ' ' then return 0 end
if tonumber(string.match(head[1], ':(%d+):')) < tonumber(ARGV[2]) then return 0 end
if tonumber(string.match(head[2], ':(%d+):')) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[1], 'checkpoint', ARGV[1])
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
if ARGV[4] ~= '1' then
  redis.call('ZADD', KEYS[2], now, ARGV[1])
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 1
end
-- What lasts gets an end far away, so that letting go of it is written whether or not there was one.
redis.call('ZADD', KEYS[2], ARGV[6] ~= '0' and now + tonumber(ARGV[6]) or 9e15, ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[5])
if ARGV[6] == '0' then redis.call('ZREM', KEYS[2], ARGV[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[5])
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
  redis.call('ZADD', KEYS[2], ARGV[index + 2] ~= '0' and now + tonumber(ARGV[index + 2]) or 9e15, ARGV[index])
  redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
  if ARGV[index + 2] == '0' then redis.call('ZREM', KEYS[2], ARGV[index]) end
end
if #ARGV >= 3 then redis.call('HSET', KEYS[1], ARGV[#ARGV - 2], ARGV[#ARGV - 1]) end
return 1
";
