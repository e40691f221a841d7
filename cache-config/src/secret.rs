//! Texts that may hold a password.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is a secret, or holds one, as a URL with a password does. Neither `Debug` nor `Serialize` show it:
/// both write `***`, but for URLs that can have no secret in them, which are shown whole.
///
/// So a configuration can be printed and dumped. One that was dumped with secrets can't be read back: `***`
/// is refused.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown of it: the whole of a URL that has neither credentials nor options, of another its
    /// scheme.
    fn shown(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return "***".to_owned() };
        let plain = |text: &str, more: &str| {
            text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        match (plain(scheme, "+-"), plain(rest, ":/.,_-[]")) {
            (true, true) => self.0.clone(),
            (true, false) => format!("{scheme}://***"),
            _ => "***".to_owned(),
        }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.shown())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.contains("***") {
            let message = "found `***`, which stands for a secret that was left out; wanted the secret itself";
            return Err(D::Error::custom(message));
        }
        Ok(Self(text))
    }
}
