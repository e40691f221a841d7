//! The end of an entry's freshness, and what users write for it.

use std::time::Duration;

use serde::Serialize;

use super::clock::Timestamp;
use super::duration::parse_duration;
use super::error::Error;

/// When an entry stops being fresh; returned by [`Cache::ttl`](crate::Cache::ttl), and accepted as a time to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Expiry {
    /// After this time.
    In(Duration),
    /// It has no expiry.
    Never,
}

impl Expiry {
    /// Returns the remaining time, if the entry expires.
    pub fn left(self) -> Option<Duration> {
        match self {
            Self::In(left) => Some(left),
            Self::Never => None,
        }
    }

    pub(crate) fn of(until: Timestamp, now: Timestamp) -> Self {
        until.since(now).map_or(Self::Never, Self::In)
    }
}

/// A time to live, for [`Call::ttl`](crate::call::Call::ttl), and for the options `ttl` and `ttl_with` of the attributes.
///
/// | type | meaning |
/// | --- | --- |
/// | [`Duration`] | fresh for this time |
/// | `&str` | the same as text, such as `"1m 30s"`; `"never"`: no expiry; `"default"`: as `None` |
/// | [`Expiry`] | [`Expiry::Never`]: no expiry |
/// | `Option` of these | `None`: the time to live that the entry has otherwise, from the policy or from the cache |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a time to live",
    label = "not a time to live",
    note = "a time to live is a `Duration`, a text such as `\"5m\"` or `\"never\"`, a `larder::Expiry`, or an `Option` of these"
)]
pub trait IntoTtl {
    /// The time to live; `None`: the one that the entry has otherwise.
    ///
    /// # Errors
    /// The text is no duration.
    fn into_ttl(self) -> Result<Option<Expiry>, Error>;
}

impl IntoTtl for Duration {
    fn into_ttl(self) -> Result<Option<Expiry>, Error> {
        Ok(Some(Expiry::In(self)))
    }
}

impl IntoTtl for Expiry {
    fn into_ttl(self) -> Result<Option<Expiry>, Error> {
        Ok(Some(self))
    }
}

impl IntoTtl for &str {
    fn into_ttl(self) -> Result<Option<Expiry>, Error> {
        match self.trim() {
            "never" => Ok(Some(Expiry::Never)),
            "default" => Ok(None),
            text => parse_duration(text).map(|ttl| Some(Expiry::In(ttl))),
        }
    }
}

impl<T: IntoTtl> IntoTtl for Option<T> {
    fn into_ttl(self) -> Result<Option<Expiry>, Error> {
        self.map_or(Ok(None), T::into_ttl)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_times_to_live() {
        assert_eq!("1m 30s".into_ttl().unwrap(), Some(Expiry::In(Duration::from_secs(90))));
        assert_eq!(" never ".into_ttl().unwrap(), Some(Expiry::Never));
        assert_eq!("default".into_ttl().unwrap(), None);
        let error = "soon".into_ttl().unwrap_err().to_string();
        assert!(error.contains("`soon` is not a duration"), "{error}");
    }
}
