//! Serializes moments, spans and errors as plain data.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// The maximum length of a shown message, because some servers answer with pages.
const LONGEST: usize = 500;

/// Removes the text before the `@` of URLs. Backends keep credentials out of their errors; a user's own
/// backend may not.
pub(crate) fn without_logins(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        // A password may contain any character, so the last `@` before a blank counts.
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(login) => {
                shown.push_str("***");
                &after[login..]
            }
            None => after,
        };
    }
    shown.push_str(rest);
    if let Some((end, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(end);
        shown.push_str("...");
    }
    shown
}

#[allow(clippy::trivially_copy_pass_by_ref)]
pub(crate) fn unix_millis<S: Serializer>(
    at: &SystemTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    millis(&at.duration_since(UNIX_EPOCH).unwrap_or_default(), serializer)
}

pub(crate) fn millis<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(crate::base::millis(*span))
}

pub(crate) fn some_millis<S: Serializer>(
    span: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    span.map(crate::base::millis).serialize(serializer)
}

pub(crate) fn micros<S: Serializer>(
    span: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let micros = span.map(|span| u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    micros.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_removed_from_texts() {
        for (text, shown) in [
            ("get: redis://user:hun/ter@2@host:1/0 is away", "get: redis://***@host:1/0 is away"),
            ("a://b c@d http://x:y@z", "a://b c@d http://***@z"),
            ("nothing to hide", "nothing to hide"),
            ("redis://", "redis://"),
        ] {
            assert_eq!(without_logins(text), shown);
        }
        assert_eq!(without_logins(&"x".repeat(9_000)).len(), LONGEST + 3);
    }
}
