//! The kinds of values that fields have. An environment variable is always a text, so a text may stand for any kind.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use cache_core::{Expiry, IntoTtl};
use config::ValueKind;
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::read::{Kind, deserialize_kind, wrong};
use crate::suggest::nearest;

/// The time to live of entries whose policy names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Entries do not expire: `"never"`.
    Never,
    /// So long: `"5m"`, or a number of seconds.
    For(Duration),
}

impl From<Duration> for Ttl {
    fn from(ttl: Duration) -> Self {
        Self::For(ttl)
    }
}

impl Ttl {
    /// As [`Cache::set_default_ttl`](cache_core::Cache::set_default_ttl) takes it.
    pub(crate) fn duration(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::For(ttl) => Some(ttl),
        }
    }
}

/// What a duration looks like, for messages.
const DURATION: &str =
    "a duration such as `250ms`, `90s`, `5m`, `1h 30m` or `2d`, or a number of seconds";

impl Kind for Ttl {
    type Read = Self;

    fn read(value: &ValueKind) -> Result<Self, String> {
        match value {
            ValueKind::String(text) if text.trim() == "never" => Ok(Self::Never),
            value => time(value)
                .map(Self::For)
                .ok_or_else(|| wrong(value, &format!("{DURATION}, or `never`"))),
        }
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        deserialize_kind::<Self, D>(from)
    }
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => to.serialize_str("never"),
            Self::For(ttl) => write_duration(&Some(*ttl), to),
        }
    }
}

impl Kind for Duration {
    type Read = Self;

    fn read(value: &ValueKind) -> Result<Self, String> {
        time(value).ok_or_else(|| wrong(value, DURATION))
    }
}

fn time(value: &ValueKind) -> Option<Duration> {
    match value {
        ValueKind::String(text) => {
            let text = text.trim();
            let whole = text.parse().map(Duration::from_secs).ok();
            let seconds = || Duration::try_from_secs_f64(text.parse().ok()?).ok();
            whole.or_else(seconds).or_else(|| parse_duration(text))
        }
        ValueKind::I64(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        ValueKind::U64(seconds) => Some(Duration::from_secs(*seconds)),
        ValueKind::Float(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        _ => None,
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    text.into_ttl().ok().flatten().and_then(Expiry::left)
}

/// Writes text if the grammar has a unit that is small enough, else seconds with a fraction.
pub(crate) fn write_duration<S: Serializer>(
    duration: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    let Some(duration) = duration else { return to.serialize_none() };
    match (duration.as_secs(), duration.subsec_nanos()) {
        (seconds, 0) => to.serialize_str(&format!("{seconds}s")),
        (0, nanos) if nanos % 1_000_000 == 0 => {
            to.serialize_str(&format!("{}ms", nanos / 1_000_000))
        }
        (seconds, nanos) if nanos % 1_000_000 == 0 => {
            to.serialize_str(&format!("{seconds}s {}ms", nanos / 1_000_000))
        }
        _ => to.serialize_f64(duration.as_secs_f64()),
    }
}

/// For `u64` that counts bytes.
pub(crate) struct Size;

impl Kind for Size {
    type Read = u64;

    fn read(value: &ValueKind) -> Result<u64, String> {
        let bytes = match value {
            ValueKind::String(text) => text.trim().parse::<ByteSize>().ok().map(|size| size.0),
            value => whole(value),
        };
        let wanted = "a size such as `64 MiB`, `512 KiB` or `1 GB`, or a number of bytes";
        bytes.ok_or_else(|| wrong(value, wanted))
    }
}

/// A whole number, if `value` is one that `N` can hold.
fn whole<N>(value: &ValueKind) -> Option<N>
where
    N: FromStr + TryFrom<i64> + TryFrom<u64> + TryFrom<i128> + TryFrom<u128>,
{
    match value {
        ValueKind::String(text) => text.trim().parse().ok(),
        ValueKind::I64(number) => N::try_from(*number).ok(),
        ValueKind::U64(number) => N::try_from(*number).ok(),
        ValueKind::I128(number) => N::try_from(*number).ok(),
        ValueKind::U128(number) => N::try_from(*number).ok(),
        _ => None,
    }
}

macro_rules! numbers {
    ($($Number:ty),*) => { $(
        impl Kind for $Number {
            type Read = Self;

            fn read(value: &ValueKind) -> Result<Self, String> {
                whole(value).ok_or_else(|| wrong(value, "a whole number"))
            }
        }
    )* };
}

numbers!(i32, u32, u64);

impl Kind for f64 {
    type Read = Self;

    #[allow(clippy::cast_precision_loss)]
    fn read(value: &ValueKind) -> Result<Self, String> {
        let read = match value {
            ValueKind::Float(number) => Some(*number),
            ValueKind::I64(number) => Some(*number as Self),
            ValueKind::U64(number) => Some(*number as Self),
            ValueKind::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        read.ok_or_else(|| wrong(value, "a number such as `0.1`"))
    }
}

impl Kind for bool {
    type Read = Self;

    fn read(value: &ValueKind) -> Result<Self, String> {
        let read = match value {
            ValueKind::Boolean(value) => Some(*value),
            ValueKind::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        read.ok_or_else(|| wrong(value, "`true` or `false`"))
    }
}

impl Kind for String {
    type Read = Self;

    fn read(value: &ValueKind) -> Result<Self, String> {
        text(value).map(str::to_owned)
    }
}

impl Kind for PathBuf {
    type Read = Self;

    fn read(value: &ValueKind) -> Result<Self, String> {
        text(value).map(Self::from)
    }
}

fn text(value: &ValueKind) -> Result<&str, String> {
    match value {
        ValueKind::String(text) => Ok(text),
        value => Err(wrong(value, "a text")),
    }
}

/// One of several words, as serde knows them.
pub(crate) fn choice<T: DeserializeOwned>(value: &ValueKind) -> Result<T, String> {
    let word = text(value)?.trim();
    let from: StrDeserializer<'_, NoChoice> = word.into_deserializer();
    T::deserialize(from).map_err(|NoChoice(words)| {
        let all = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let near = nearest(word, words).map(|near| format!("; did you mean `{near}`?"));
        wrong(value, &format!("one of {all}{}", near.unwrap_or_default()))
    })
}

/// serde's error for a word that is none of these.
#[derive(Debug)]
struct NoChoice(&'static [&'static str]);

impl fmt::Display for NoChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wanted one of {}", self.0.join(", "))
    }
}

impl std::error::Error for NoChoice {}

impl de::Error for NoChoice {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, words: &'static [&'static str]) -> Self {
        Self(words)
    }
}
