//! The options of a URL: `?operation_timeout=200ms&connections=4`.

use std::time::Duration;

use super::builder::RedisBuilder;

const KNOWN: &str = "operation_timeout, connect_timeout, connections, half_open_after, retry_attempts, \
                     health_check_interval, bus_heartbeat, tracking, keepalive, user_timeout (durations as 200ms or 5s), and for Sentinels \
                     sentinel_username and sentinel_password";

/// The credentials for the Sentinels, if they require some.
#[derive(Clone, Default)]
pub(super) struct SentinelLogin {
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
}

/// Applies larder's options in a query, and returns the options of the client.
///
/// Errors do not repeat the values of unknown options: one may be a password.
pub(super) fn take(
    query: &str,
    builder: &mut RedisBuilder,
    login: &mut SentinelLogin,
) -> Result<String, String> {
    let mut rest = Vec::new();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "operation_timeout" => builder.operation_timeout = duration(name, value)?,
            "connect_timeout" => builder.connect_timeout = duration(name, value)?,
            "tracking" => {
                builder.tracking = match value {
                    "true" => true,
                    "false" => false,
                    _ => return Err(wrong(name, value, "`true` or `false`")),
                }
            }
            "bus_heartbeat" => builder.bus_heartbeat = duration(name, value)?,
            "keepalive" => builder.keepalive = Some(duration(name, value)?),
            "user_timeout" => builder.user_timeout = Some(duration(name, value)?),
            "connections" => builder.connections = number(name, value)?,
            "half_open_after" => builder.half_open_after = number(name, value)?,
            "retry_attempts" => builder.retry_attempts = number(name, value)?,
            "health_check_interval" => builder.health_check_interval = duration(name, value)?,
            "sentinel_username" => login.username = Some(decoded(name, value)?),
            "sentinel_password" => login.password = Some(decoded(name, value)?),
            // The options of the client's own URLs.
            "db" | "user" | "pass" => rest.push(option),
            _ => {
                let name: String =
                    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                return Err(format!("there is no option `{name}`; there are {KNOWN}"));
            }
        }
    }
    Ok(rest.join("&"))
}

fn duration(name: &str, value: &str) -> Result<Duration, String> {
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let number: Option<u64> = value[..digits].parse().ok();
    let duration = match (number, &value[digits..]) {
        (Some(number), "ms") => Some(Duration::from_millis(number)),
        (Some(number), "s") => Some(Duration::from_secs(number)),
        (Some(number), "m") => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    };
    duration.ok_or_else(|| {
        let unit = match number {
            Some(number) if digits == value.len() => format!("; for seconds write `{number}s`"),
            _ => String::new(),
        };
        wrong(name, value, &format!("a duration such as `200ms`, `5s` or `1m`{unit}"))
    })
}

fn number<N: std::str::FromStr>(name: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| wrong(name, value, "a number such as `4`"))
}

/// The message for a value that can't be read. It shows a short word only: a part of a password that was not
/// percent-encoded may have got here.
fn wrong(name: &str, value: &str, wanted: &str) -> String {
    let harmless = (1..=8).contains(&value.len())
        && value.starts_with(|c: char| c.is_ascii_digit())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    let found = if harmless { format!("found `{value}`; ") } else { String::new() };
    format!("{name}: {found}wanted {wanted}")
}

/// Decodes percent-encoded text such as `%2F`.
fn decoded(name: &str, value: &str) -> Result<String, String> {
    let wrong = || format!("{name}: it is not percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |digit: Option<u8>| char::from(digit?).to_digit(16);
        let (high, low) = (digit(rest.next()), digit(rest.next()));
        let (Some(high), Some(low)) = (high, low) else { return Err(wrong()) };
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
