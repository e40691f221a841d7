//! The Lua scripts: the steps that the server must run atomically.
//!
//! A script is called by digest, and in full if the server does not know it (the server forgets
//! scripts at a restart and at `SCRIPT FLUSH`). The client's `Script::invoke_async` is not used: it
//! loads a missing script on all nodes of a cluster, so one node that hangs would hang the call.
//!
//! Lua's numbers are doubles. The series of a generation is microseconds since 1970, about 2^51, and
//! exact; the last three digits of the text are the place in the series. Any other value than a whole
//! number with a series below 2^53 is foreign and counts as missing. Lease tokens and the
//! generations of lease requests may use all 64 bits, so they stay text.
//!
//! Several scripts read the server's clock and then write. Redis allows this from version 5 on,
//! which replicates the writes and not the script.
//!
//! The keys of a script that uses values and leases are the values first, then their leases in the
//! same order.

use std::sync::LazyLock;

use bytes::Bytes;
use redis::{Cmd, Script, cmd};

/// A script's text and digest.
pub(crate) struct Lua {
    code: String,
    digest: String,
}

impl Lua {
    fn new(parts: &[&str]) -> Self {
        let code = parts.concat();
        let digest = Script::new(&code).get_hash().to_owned();
        Self { code, digest }
    }
}

/// Reads values. For each one that exists it returns the position of the key (from 1), the
/// remaining milliseconds, and the bytes up to the given position.
pub(crate) static READ: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[RANGE, READ_BODY]));

/// Stores values with a time to live each, ends their leases, and publishes the notice if there is
/// one. Returns the refused entries: the position (from 1) and the reason.
pub(crate) static STORE: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[STORE_BODY]));

/// Removes values, ends their leases, and publishes the notice if there is one.
pub(crate) static REMOVE: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[REMOVE_BODY]));

/// Replaces a value if it is still the one that the caller saw, and ends its lease.
pub(crate) static REPLACE: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[REPLACE_BODY]));

/// Requests leases. Returns for each: the remaining time and the value if there is a value; a list
/// with the number of takeovers if the lease is granted; the remaining milliseconds of another
/// holder's lease; or a text with the reason if a full server refuses the lease.
pub(crate) static ACQUIRE: LazyLock<Lua> =
    LazyLock::new(|| Lua::new(&[RANGE, LEASE, ACQUIRE_ONE, ACQUIRE_BODY]));

/// Reads generations, and requests a lease under the newest of them, as `ACQUIRE` does. Returns the generations, followed by what
/// `ACQUIRE` returns for the lease; an empty list if a generation is missing.
pub(crate) static READ_OR_ACQUIRE: LazyLock<Lua> =
    LazyLock::new(|| Lua::new(&[RANGE, STORED, LEASE, ACQUIRE_ONE, READ_OR_ACQUIRE_BODY]));

/// Stores each value whose lease its token holds, and ends that lease. Returns for each whether it
/// is stored, or a text with the reason if a full server refuses it.
pub(crate) static COMMIT: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[LEASE, COMMIT_BODY]));

/// Renews each lease that its token holds, from now on. Returns for each whether the token holds it.
pub(crate) static RENEW: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[LEASE, RENEW_BODY]));

/// Ends each lease that its token holds.
pub(crate) static ABORT: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[LEASE, ABORT_BODY]));

/// Returns the stored generation of each key, or creates one.
pub(crate) static GENERATIONS: LazyLock<Lua> =
    LazyLock::new(|| Lua::new(&[STORED, NOW, GENERATIONS_BODY]));

/// Prolongs the generations that still have the given numbers.
pub(crate) static PROLONG: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[STORED, PROLONG_BODY]));

/// Increments one generation. With a second argument it stays in its series, if that has another
/// number.
pub(crate) static BUMP: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[STORED, NOW, BUMP_BODY]));

// Reads a part of a value. A value that is not a string is foreign and counts as missing. Any other
// refusal is returned, because a user may lack a permission.
const RANGE: &str = r"
local function range(key, first, last)
    local value = redis.pcall('GETRANGE', key, first, last)
    if type(value) == 'string' then return value end
    if value.err:find('WRONGTYPE', 1, true) then return nil end
    return nil, value
end
";

// One step, so that the remaining time belongs to the value: between two commands the value may be
// replaced.
const READ_BODY: &str = r"
local found = {}
for index, key in ipairs(KEYS) do
    local left = redis.call('PTTL', key)
    if left ~= -2 then
        local value, refusal = range(key, 0, ARGV[1])
        if refusal then return refusal end
        if value then
            local count = #found
            found[count + 1], found[count + 2], found[count + 3] = index, left, value
        end
    end
end
return found
";

// A refused `SET` neither keeps the other values from being stored nor keeps a lease: a lease that
// ends too early costs one store, a lease that stays could let an old value overwrite. The leases
// come after the values, because a full Redis refuses the writes of a script only until the first
// one that it allows.
const STORE_BODY: &str = r"
local count = #KEYS / 2
local refusals = {}
for index = 1, count do
    local value, px = ARGV[2 * index - 1], ARGV[2 * index]
    local reply
    if px == '' then
        reply = redis.pcall('SET', KEYS[index], value)
    else
        reply = redis.pcall('SET', KEYS[index], value, 'PX', px)
    end
    if reply.err then refusals[#refusals + 1] = index .. ' ' .. reply.err end
end
redis.call('UNLINK', unpack(KEYS, count + 1))
local channel, message = ARGV[2 * count + 1], ARGV[2 * count + 2]
if channel then redis.call('PUBLISH', channel, message) end
return refusals
";

// The last bytes identify a value. A value that is not a string is foreign. The lease ends first: a
// full Redis then allows the `SET`, which needs no more room than the existing value.
const REPLACE_BODY: &str = r"
local seen, value, px, channel, message = unpack(ARGV)
if redis.pcall('GETRANGE', KEYS[1], -#seen, -1) ~= seen then return 0 end
redis.call('UNLINK', KEYS[2])
if px == '' then
    redis.call('SET', KEYS[1], value)
else
    redis.call('SET', KEYS[1], value, 'PX', px)
end
if channel then redis.call('PUBLISH', channel, message) end
return 1
";

// `unpack` takes at most some thousand arguments.
const REMOVE_BODY: &str = r"
local function unlink(first, last)
    local removed = 0
    for from = first, last, 1000 do
        removed = removed + redis.call('UNLINK', unpack(KEYS, from, math.min(from + 999, last)))
    end
    return removed
end
local count = #KEYS / 2
unlink(count + 1, #KEYS)
local removed = unlink(1, count)
if ARGV[1] then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return removed
";

// A lease is `token:generation:takeovers:ends`. The generation has leading zeros, so that texts
// compare as the numbers do. `ends` is the moment until which the lease excludes other holders, in
// milliseconds since 1970 by the server's clock. Redis removes the key some time after that; until
// then a late holder finds its lease. Any other value is foreign and counts as missing.
//
// If the server's clock is set back, other callers wait for the lease longer than requested, at
// most by that step; the next renewal corrects it. If the clock is set forward, they may take the
// lease earlier, and after a step longer than the life of the key, the lease is gone: a load is
// repeated or its value is not stored. A failover to a server with another clock is such a step.
// The clock never decides who may commit: the token does.
const LEASE: &str = r"
local function text(key)
    local value = redis.pcall('GET', key)
    return type(value) == 'string' and value or nil
end
local function holder(key)
    local lease = text(key)
    if not lease then return nil end
    return lease:match('^(%d+):(%d+):(%d+):(%d+)$')
end
local function milliseconds()
    local clock = redis.call('TIME')
    return tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
end
-- Returns the number of takeovers, or the refusal.
local function hold(key, token, generation, takeovers, ends, px)
    takeovers = math.min(tonumber(takeovers), 4294967295)
    local lease = string.format('%s:%s:%.0f:%.0f', token, generation, takeovers, ends)
    local reply = redis.pcall('SET', key, lease, 'PX', px)
    if reply.err then return nil, reply end
    return takeovers
end
-- Returns what `one` returns for each item. Where a full server refuses an item, the text of the refusal. Any other refusal
-- fails the whole script, so that the client recognises a server that has lost its role.
local function each(items, one)
    local answers = {}
    for index = 1, items do
        local answer, refusal = one(index)
        if refusal and not refusal.err:find('OOM', 1, true) then return refusal end
        answers[index] = refusal and refusal.err or answer
    end
    return answers
end
";

// A lease lasts no longer than its key. A lease whose key has no expiry is foreign: every lease of
// larder has one.
const ACQUIRE_ONE: &str = r"
local function acquire(key, lease, mark_length, token, generation, ttl, px, seen, steal, last)
    local left = steal == '' and redis.call('PTTL', key) or -2
    if left ~= -2 then
        local mark, refusal = range(key, -mark_length, -1)
        if refusal then return nil, refusal end
        if mark and (#mark < tonumber(mark_length) or mark ~= seen) then
            return {left, redis.call('GETRANGE', key, 0, last)}
        end
    end
    local now, takeovers = milliseconds(), 0
    local other, older, before, ends = holder(lease)
    if other == token then
        takeovers = before
    elseif other and steal == '' and older >= generation then
        local left = tonumber(ends) - now
        if left > 0 then
            left = math.min(left, redis.call('PTTL', lease))
            if left >= 0 then return math.max(left, 1) end
        else
            takeovers = tonumber(before) + 1
        end
    end
    local held, refusal = hold(lease, token, generation, takeovers, now + tonumber(ttl), px)
    if refusal then return nil, refusal end
    return {held}
end
";

const ACQUIRE_BODY: &str = r"
local count, mark_length = #KEYS / 2, ARGV[1]
return each(count, function(index)
    local key, lease = KEYS[index], KEYS[count + index]
    return acquire(key, lease, mark_length, unpack(ARGV, 7 * index - 5, 7 * index + 1))
end)
";

// The keys of generations follow those of the value and of the lease. Without a mark that the caller has seen, every value is
// returned. Numbers of a series are added, as the client does: a caller that has seen more soft evictions is newer.
const READ_OR_ACQUIRE_BODY: &str = r"
local mark_length, token, ttl, px, last = unpack(ARGV)
local answers, series, places = {}, 0, 0
for index = 3, #KEYS do
    local of, place, number = stored(KEYS[index])
    if not of then return {} end
    series, places = math.max(series, of), places + place
    answers[index - 2] = number
end
local generation = string.format('%017.0f%03d', series, math.min(places, 999))
local outcome = each(1, function()
    return acquire(KEYS[1], KEYS[2], mark_length, token, generation, ttl, px, '', '', last)
end)
if outcome.err then return outcome end
answers[#answers + 1] = outcome[1]
return answers
";

// If the connection breaks before the reply, the call is repeated: it then finds the value that the
// first one stored, and no lease.
const COMMIT_BODY: &str = r"
local count = #KEYS / 2
return each(count, function(index)
    local key, lease = KEYS[index], KEYS[count + index]
    local token, value, px, channel, message = unpack(ARGV, 5 * index - 4, 5 * index)
    if holder(lease) ~= token then return text(key) == value and 1 or 0 end
    local reply
    if px == '' then
        reply = redis.pcall('SET', key, value)
    else
        reply = redis.pcall('SET', key, value, 'PX', px)
    end
    if reply.err then return nil, reply end
    redis.call('UNLINK', lease)
    if message ~= '' then redis.call('PUBLISH', channel, message) end
    return 1
end)
";

// A full Redis refuses the writes of a script only until the first one that it allows. `PEXPIRE`
// has no other purpose here.
const RENEW_BODY: &str = r"
return each(#KEYS, function(index)
    local key = KEYS[index]
    local token, ttl, px = unpack(ARGV, 3 * index - 2, 3 * index)
    local other, generation, takeovers = holder(key)
    if other ~= token then return 0 end
    redis.call('PEXPIRE', key, px)
    local _, refusal = hold(key, token, generation, takeovers, milliseconds() + tonumber(ttl), px)
    return 1, refusal
end)
";

const ABORT_BODY: &str = r"
for index, key in ipairs(KEYS) do
    if holder(key) == ARGV[index] then redis.call('UNLINK', key) end
end
return 0
";

const STORED: &str = r"
-- Returns the series, the place in it, and the text.
local function stored(key)
    local value = redis.pcall('GET', key)
    if type(value) ~= 'string' then return nil end
    local series, place = value:match('^([1-9]%d*)(%d%d%d)$')
    series = tonumber(series)
    if not series or series >= 9007199254740992 then return nil end
    return series, tonumber(place), value
end
";

const NOW: &str = r"
local function text(series, place)
    return string.format('%.0f%03d', series, place)
end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
";

// A full Redis refuses the writes of a script only until the first one that it allows, which is
// `UNLINK` here: an eviction must not wait for memory, and a tag without a generation could not be
// read.
//
// Redis may remove a generation when no entry depends on it. The next generation comes from a later
// moment, so entries stored under the removed one do not become valid again.
const GENERATIONS_BODY: &str = r"
local generations = {}
for index, key in ipairs(KEYS) do
    local _, _, number = stored(key)
    if not number then
        number = text(now, 0)
        redis.call('UNLINK', key)
        redis.call('SET', key, number, 'PX', ARGV[1])
    end
    generations[index] = number
end
return generations
";

const BUMP_BODY: &str = r"
local series, place = stored(KEYS[1])
if series and ARGV[2] and place < 999 then
    place = place + 1
else
    series, place = math.max(now, (series or 0) + 1), 0
end
local number = text(series, place)
local px = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1]))
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[1], number, 'PX', string.format('%.0f', px))
return number
";

// Only generations that still have the same number: restoring a number would make old entries valid
// again. A generation without expiry comes from an earlier release, which set none.
const PROLONG_BODY: &str = r"
local px = tonumber(ARGV[1])
for index, key in ipairs(KEYS) do
    local _, _, number = stored(key)
    if number and number == ARGV[index + 1] then
        local left = redis.call('PTTL', key)
        if left < px then redis.call('PEXPIRE', key, ARGV[1]) end
    end
end
return 0
";

/// One call of a script.
#[derive(Clone)]
pub(crate) struct Call {
    script: &'static Lua,
    keys: Vec<String>,
    args: Vec<Bytes>,
}

impl Call {
    pub(crate) fn new(script: &'static Lua, keys: Vec<String>, args: Vec<Bytes>) -> Self {
        Self { script, keys, args }
    }

    pub(crate) fn first_key(&self) -> Option<&str> {
        self.keys.first().map(String::as_str)
    }

    /// The commands that do the same for each key, for operations that must succeed even while a
    /// cluster moves the slot: during the move no command may use two keys. The second reply stands
    /// for that of the script.
    ///
    /// The lease ends first, so that its holder cannot store a value after the change.
    pub(crate) fn in_steps(&self) -> Option<Vec<Cmd>> {
        let (value, lease) = match &self.keys[..] {
            [value, lease] => (value, lease),
            _ => return None,
        };
        let unlink = |key: &str| {
            let mut unlink = cmd("UNLINK");
            unlink.arg(key);
            unlink
        };
        let (change, told) = if std::ptr::eq(self.script, &*REMOVE) {
            (unlink(value), &self.args[..])
        } else if std::ptr::eq(self.script, &*STORE) {
            let [bytes, px, told @ ..] = &self.args[..] else { return None };
            let mut set = cmd("SET");
            set.arg(value).arg(&bytes[..]);
            if !px.is_empty() {
                set.arg("PX").arg(&px[..]);
            }
            (set, told)
        } else {
            return None;
        };
        let mut steps = vec![unlink(lease), change];
        if let [channel, message] = told {
            let mut publish = cmd("PUBLISH");
            publish.arg(&channel[..]).arg(&message[..]);
            steps.push(publish);
        }
        Some(steps)
    }

    /// The call by digest, which is shorter than the text.
    pub(crate) fn by_digest(&self) -> Cmd {
        self.command("EVALSHA", &self.script.digest)
    }

    /// The call with the whole script, which the server then knows.
    pub(crate) fn in_full(&self) -> Cmd {
        self.command("EVAL", &self.script.code)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(self.keys.len());
        for key in &self.keys {
            command.arg(key);
        }
        for arg in &self.args {
            command.arg(&arg[..]);
        }
        command
    }
}
