//! The part of a key that keeps tenants apart.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::buf::KeyBuf;
use crate::base::{Error, Pattern};

/// Names above this (escaped) are cut and closed with a hash of the whole: the prefix must stay within
/// what is readable of a long key, or patterns could not tell tenants apart.
const READABLE: usize = 64;
const HEAD: usize = 32;

/// `@name/`, the name escaped: it has no `/` then, so no prefix is the beginning of another, and no two
/// tenants have a key in common whatever stands behind it. It is the tenant's tag too. A tenant's own tenant has both
/// prefixes, the outer one first.
#[derive(Clone, Debug)]
pub(crate) struct TenantPrefix(KeyBuf);

/// The parts as one text. (As a key is kept: a short one is not on the heap.)
fn text(parts: &[&str]) -> KeyBuf {
    let mut text = KeyBuf::new();
    parts.iter().for_each(|part| text.literal(part));
    text
}

impl TenantPrefix {
    /// # Errors
    /// [`Error::Config`] if there is no name: most likely nobody said who the tenant is, and all of
    /// those would share.
    pub(crate) fn of(name: &str) -> Result<Self, Error> {
        if name.is_empty() {
            let message = "a tenant's name can't be empty: whoever has none would share entries";
            return Err(Error::config("tenant", message));
        }
        let mut escaped = KeyBuf::new();
        escaped.escaped(name);
        let escaped = escaped.as_str();
        if escaped.len() <= READABLE {
            return Ok(Self(text(&["@", escaped, "/"])));
        }
        let mut head = HEAD;
        while !escaped.is_char_boundary(head) {
            head -= 1;
        }
        // `#` is escaped in names, so no short name looks like this.
        let mut prefix = format!("@{}#", &escaped[..head]);
        for byte in Sha256::digest(escaped.as_bytes()) {
            // Writing to a string can't fail.
            let _ = write!(prefix, "{byte:02x}");
        }
        Ok(Self(text(&[&prefix, "/"])))
    }

    /// That tenant of this tenant.
    pub(crate) fn of_inner(&self, inner: &Self) -> Self {
        Self(text(&[self.tag(), inner.tag()]))
    }

    /// The tenant's own key of that name, whose entries carry the tenant's tag.
    pub(crate) fn key(&self, mut key: KeyBuf) -> KeyBuf {
        let tags = key.take_tags();
        let own = self.tags().fold(self.own(key), KeyBuf::with_tags);
        match tags {
            Some(tags) => own.with_tags(&tags),
            None => own,
        }
    }

    /// The tenant's own key of that name, without tags. (Sealed before and after: a long key is the same one whether
    /// it was written by hand or by a function.)
    pub(crate) fn own(&self, mut key: KeyBuf) -> KeyBuf {
        key.seal();
        let mut own = KeyBuf::new();
        own.literal(self.tag());
        own.literal(key.as_str());
        own.keep_here(key.is_here());
        own.seal();
        own
    }

    /// The tenant's own keys that match.
    pub(crate) fn pattern(&self, pattern: &Pattern) -> Pattern {
        pattern.under(self.tag())
    }

    /// What all the tenant's entries carry, and no others.
    pub(crate) fn tag(&self) -> &str {
        self.0.as_str()
    }

    /// The tags of the tenant and of those that it is a tenant of: evicting one of these ends its entries.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        let all = self.tag();
        all.match_indices('/').map(|(end, _)| &all[..=end])
    }

    /// A key of the tenant as the tenant knows it.
    pub(crate) fn strip<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(self.tag())
    }
}
