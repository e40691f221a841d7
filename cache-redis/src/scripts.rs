//! The scripts: what must happen in one step on the server.
//!
//! They are called by digest, and in full if the server does not know them (it forgets them at a
//! restart and at `SCRIPT FLUSH`). `Script::invoke_async` of the client is not used: it loads a
//! missing script on all nodes of a cluster, where one that hangs would hang the call.
//!
//! Lua's numbers are doubles. Generations are microseconds since 1970, about 2^51, and exact;
//! anything that is not a whole number below 2^53 is a foreign value and taken for missing.

use std::sync::LazyLock;

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

/// Removes the keys and publishes.
pub(crate) static REMOVE: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[REMOVE_BODY]));

/// The stored generation of each key, or a new one.
pub(crate) static GENERATIONS: LazyLock<Lua> =
    LazyLock::new(|| Lua::new(&[STORED_AND_NOW, GENERATIONS_BODY]));

/// Moves one generation on.
pub(crate) static BUMP: LazyLock<Lua> = LazyLock::new(|| Lua::new(&[STORED_AND_NOW, BUMP_BODY]));

// `unpack` takes some thousand arguments at most.
const REMOVE_BODY: &str = r"
local removed = 0
for first = 1, #KEYS, 1000 do
    removed = removed + redis.call('UNLINK', unpack(KEYS, first, math.min(first + 999, #KEYS)))
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return removed
";

const STORED_AND_NOW: &str = r"
local function stored(key)
    local value = redis.pcall('GET', key)
    if type(value) ~= 'string' or not value:match('^%d+$') then return nil end
    local number = tonumber(value)
    if number < 1 or number >= 9007199254740992 then return nil end
    return number
end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
";

const GENERATIONS_BODY: &str = r"
local generations = {}
for index, key in ipairs(KEYS) do
    local number = stored(key)
    if not number then
        number = now
        redis.call('SET', key, string.format('%.0f', number))
    end
    generations[index] = string.format('%.0f', number)
end
return generations
";

const BUMP_BODY: &str = r"
local number = now
local old = stored(KEYS[1])
if old and old >= number then number = old + 1 end
local text = string.format('%.0f', number)
redis.call('SET', KEYS[1], text)
return text
";

/// One call of a script.
pub(crate) struct Call {
    script: &'static Lua,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Call {
    pub(crate) fn new(script: &'static Lua, keys: &[&str], args: &[&[u8]]) -> Self {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self { script, keys, args }
    }

    /// The call by digest: some bytes instead of the whole text.
    pub(crate) fn by_digest(&self) -> Cmd {
        self.command("EVALSHA", &self.script.digest)
    }

    /// The call in full; the server knows the script from then on.
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
            command.arg(arg.as_slice());
        }
        command
    }
}
