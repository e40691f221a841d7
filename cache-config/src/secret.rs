//! Texts that may contain a password.

use std::fmt;

use config::ValueKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::read::{Kind, deserialize_kind};

/// A text that may contain a secret, such as a URL with a password. `Debug` and `Serialize` write `***` instead. They show
/// a URL if it has neither credentials nor options.
///
/// A configuration can therefore be printed and serialised. Reading it again fails if it contains `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text without secrets: a URL that has neither credentials nor options, or the scheme of another URL.
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

impl Kind for Secret {
    type Read = Self;

    fn read(value: &ValueKind) -> Result<Self, String> {
        let text = String::read(value)?;
        if text.contains("***") {
            let message = "found `***`, the placeholder for a secret; wanted the secret itself";
            return Err(message.to_owned());
        }
        Ok(Self(text))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        deserialize_kind::<Self, D>(from)
    }
}
