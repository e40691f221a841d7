//! Tenant prefixes, which separate the keys of tenants.

use std::fmt::{Display, Write as _};

use sha2::{Digest, Sha256};

use super::buf::KeyBuf;
use super::entry_key::EntryKey;
use super::named::unescaped;
use crate::base::{Error, Pattern};

/// Maximum length of an escaped name. Longer names are cut and end in a hash of the whole: the prefix must
/// fit into the readable part of a long key, or patterns could not distinguish tenants.
const READABLE: usize = 64;
const HEAD: usize = 32;

/// The requirement on the value of the option `tenant`.
#[diagnostic::on_unimplemented(
    message = "`tenant` must be a name: `{Self}` has no `Display`",
    label = "has no `Display`",
    note = "give a text, a number, or another type with `Display`"
)]
pub trait TenantText: Display {}
impl<T: Display + ?Sized> TenantText for T {}

/// `@name/`, with the name escaped. The name contains no `/`, so no prefix is the beginning of another, and
/// two tenants never have a key in common. The prefix is also the tenant's tag. A tenant inside a tenant has
/// both prefixes, the outer one first.
#[derive(Clone, Debug)]
pub(crate) struct TenantPrefix {
    text: KeyBuf,
    /// Whether it is the tenant of a scope. In a scope, the whole key of an entry of the tenant names that entry:
    /// [`Call::cache_key`](crate::Call::cache_key) gives whole keys.
    of_scope: bool,
}

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
    pub(crate) fn of(name: &(impl Display + ?Sized)) -> Result<Self, Error> {
        let mut escaped = KeyBuf::new();
        escaped.display(name);
        if escaped.is_here() {
            return Err(Error::config("tenant", "the `Display` of a tenant's name failed"));
        }
        let escaped = escaped.as_str();
        if escaped.is_empty() {
            let message =
                "a tenant's name can't be empty: all callers without a tenant would share entries";
            return Err(Error::config("tenant", message));
        }
        if escaped.len() <= READABLE {
            return Ok(Self::written(&["@", escaped, "/"]));
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
        Ok(Self::written(&[&prefix, "/"]))
    }

    /// A tenant whose name is empty, under whose keys nothing is stored.
    pub(crate) fn nameless() -> Self {
        Self::written(&["@/"])
    }

    fn written(parts: &[&str]) -> Self {
        Self { text: text(parts), of_scope: false }
    }

    /// The same for a scope.
    pub(crate) fn of_scope(self) -> Self {
        Self { of_scope: true, ..self }
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
        (!prefix.is_empty()).then(|| (Self::written(&[prefix]), rest))
    }

    /// The names of the tenants, the outermost one first. (A long name was cut.)
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let names = self.tag().split_terminator('/').filter_map(|name| name.strip_prefix('@'));
        names.map(|name| unescaped(name).unwrap_or_else(|| name.to_owned()))
    }

    /// The tenant `inner` of this tenant.
    pub(crate) fn of_inner(&self, inner: &Self) -> Self {
        Self::written(&[self.tag(), inner.tag()])
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
        self.prefixed(key.as_str(), key.is_here()).unwrap_or(key)
    }

    /// The same for a complete key.
    pub(crate) fn own_entry(&self, key: EntryKey) -> EntryKey {
        self.prefixed(key.as_str(), key.is_here()).map_or(key, EntryKey::from)
    }

    /// The key with the prefix. `None` if it has the prefix already.
    fn prefixed(&self, key: &str, here: bool) -> Option<KeyBuf> {
        if self.of_scope && self.strip(key).is_some() {
            return None;
        }
        let mut own = KeyBuf::new();
        own.literal(self.tag());
        own.literal(key);
        own.keep_here(here);
        own.seal();
        Some(own)
    }

    /// The pattern, restricted to the tenant's own keys.
    pub(crate) fn pattern(&self, pattern: &Pattern) -> Pattern {
        pattern.under(self.tag())
    }

    /// The tag that all entries of the tenant carry, and no others.
    pub(crate) fn tag(&self) -> &str {
        self.text.as_str()
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
