//! Durations and sizes as people write them.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use cache_core::IntoTtl;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => to.serialize_str("never"),
            Self::For(ttl) => Written(*ttl).serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Either { never: true })
    }
}

/// A duration as text or seconds.
struct Written(Duration);

impl Serialize for Written {
    /// Text where the grammar has a unit that is small enough, else seconds with a fraction.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(duration) = self;
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
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match from.deserialize_any(Either { never: false })? {
            Ttl::For(duration) => Ok(Self(duration)),
            Ttl::Never => Err(D::Error::custom("`never` is not a duration")),
        }
    }
}

/// A duration, or `never` where that may be.
struct Either {
    never: bool,
}

impl Visitor<'_> for Either {
    type Value = Ttl;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a duration such as `250ms`, `90s`, `5m`, `1h 30m` or `2d`, or a number of seconds",
        )?;
        if self.never { f.write_str(", or `never`") } else { Ok(()) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Ttl, E> {
        let text = text.trim();
        if self.never && text == "never" {
            return Ok(Ttl::Never);
        }
        // Environment variables have no numbers, only text.
        if let Ok(seconds) = text.parse() {
            return self.visit_u64(seconds);
        }
        if let Ok(seconds) = text.parse() {
            return self.visit_f64(seconds);
        }
        let wrong = |_| E::invalid_value(serde::de::Unexpected::Str(text), &self);
        text.into_ttl().map(Ttl::For).map_err(wrong)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Ttl, E> {
        Ok(Ttl::For(Duration::from_secs(seconds)))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Ttl, E> {
        let wrong = |_| E::invalid_value(serde::de::Unexpected::Signed(seconds), &self);
        u64::try_from(seconds).map(|seconds| Ttl::For(Duration::from_secs(seconds))).map_err(wrong)
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Ttl, E> {
        let wrong = |_| E::invalid_value(serde::de::Unexpected::Float(seconds), &self);
        Duration::try_from_secs_f64(seconds).map(Ttl::For).map_err(wrong)
    }
}

/// For `Option<Duration>`.
pub(crate) mod duration {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        duration.map(Written).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Written>::deserialize(from)?.map(|Written(duration)| duration))
    }
}

/// For `Option<u64>` that counts bytes.
pub(crate) mod size {
    use super::*;

    struct Bytes(u64);

    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            from.deserialize_any(Size).map(Self)
        }
    }

    struct Size;

    impl Visitor<'_> for Size {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a size such as `64 MiB`, `512 KiB` or `1 GB`, or a number of bytes")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
            let wrong = |_| E::invalid_value(serde::de::Unexpected::Str(text), &self);
            text.trim().parse::<ByteSize>().map(|size| size.as_u64()).map_err(wrong)
        }

        fn visit_u64<E: Error>(self, bytes: u64) -> Result<u64, E> {
            Ok(bytes)
        }

        fn visit_i64<E: Error>(self, bytes: i64) -> Result<u64, E> {
            let wrong = |_| E::invalid_value(serde::de::Unexpected::Signed(bytes), &self);
            u64::try_from(bytes).map_err(wrong)
        }
    }

    pub(crate) fn serialize<S: Serializer>(bytes: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
        bytes.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        Ok(Option::<Bytes>::deserialize(from)?.map(|Bytes(bytes)| bytes))
    }
}
