//! Tenant prefixes, which separate the keys of tenants.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::buf::KeyBuf;
use super::named::unescaped;
use crate::base::{Error, Pattern};

/// Maximum length of an escaped name. Longer names are cut and end in a hash of the whole: the prefix must
/// fit into the readable part of a long key, or patterns could not distinguish tenants.
const READABLE: usize = 64;
const HEAD: usize = 32;

/// `@name/`, with the name escaped. The name contains no `/`, so no prefix is the beginning of another, and
/// two tenants never have a key in common. The prefix is also the tenant's tag. A tenant inside a tenant has
/// both prefixes, the outer one first.
#[derive(Clone, Debug)]
pub(crate) struct TenantPrefix(KeyBuf);

/// Joins the parts. (A `KeyBuf`, because a short one needs no heap.)
fn text(parts: &[&str]) -> KeyBuf {
    let mut text = KeyBuf::new();
    parts.iter().for_each(|part| text.literal(part));
    text
}

impl TenantPrefix {
    /// # Errors
    /// [`Error::Config`] if the name is empty: most likely the caller has no tenant, and all such callers
    /// would share entries.
    pub(crate) fn of(name: &str) -> Result<Self, Error> {
        if name.is_empty() {
            let message =
                "a tenant's name can't be empty: all callers without a tenant would share entries";
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
            // Writing to a string cannot fail.
            let _ = write!(prefix, "{byte:02x}");
        }
        Ok(Self(text(&[&prefix, "/"])))
    }

    /// The tenants with whose prefix a key begins, and the rest of the key.
    pub(crate) fn at_start(key: &str) -> Option<(Self, &str)> {
        let mut rest = key;
        while let Some(end) = rest.starts_with('@').then(|| rest.find('/')).flatten()
            && end > 1
        {
            rest = &rest[end + 1..];
        }
        let prefix = &key[..key.len() - rest.len()];
        (!prefix.is_empty()).then(|| (Self(text(&[prefix])), rest))
    }

    /// The names of the tenants, the outermost one first. (A long name was cut.)
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let names = self.tag().split_terminator('/').filter_map(|name| name.strip_prefix('@'));
        names.map(|name| unescaped(name).unwrap_or_else(|| name.to_owned()))
    }

    /// The tenant `inner` of this tenant.
    pub(crate) fn of_inner(&self, inner: &Self) -> Self {
        Self(text(&[self.tag(), inner.tag()]))
    }

    /// The tenant's own key of that name. Its entries carry the tenant's tag.
    pub(crate) fn key(&self, mut key: KeyBuf) -> KeyBuf {
        let tags = key.take_tags();
        let own = self.tags().fold(self.own(key), KeyBuf::with_tags);
        match tags {
            Some(tags) => own.with_tags(&tags),
            None => own,
        }
    }

    /// The tenant's own key of that name, without tags. (Sealed before and after, so that a long key is the
    /// same whether it was written by hand or by a function.)
    pub(crate) fn own(&self, mut key: KeyBuf) -> KeyBuf {
        key.seal();
        let mut own = KeyBuf::new();
        own.literal(self.tag());
        own.literal(key.as_str());
        own.keep_here(key.is_here());
        own.seal();
        own
    }

    /// The pattern, restricted to the tenant's own keys.
    pub(crate) fn pattern(&self, pattern: &Pattern) -> Pattern {
        pattern.under(self.tag())
    }

    /// The tag that all entries of the tenant carry, and no others.
    pub(crate) fn tag(&self) -> &str {
        self.0.as_str()
    }

    /// The tags of the tenant and of the tenants around it: evicting any of them ends its entries.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        let all = self.tag();
        all.match_indices('/').map(|(end, _)| &all[..=end])
    }

    /// The key without the tenant's prefix; `None` if it is not the tenant's.
    pub(crate) fn strip<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(self.tag())
    }
}
