//! Typed key patterns: literals and wildcards, so that user text can never become a wildcard.

use std::fmt;

/// A pattern over keys: `*` matches any sequence of characters, every other character matches itself.
///
/// Parse a pattern from text with [`Pattern::new`] (`"users:page:*"`), or build one with [`Pattern::prefix`].
/// Backends get the *pieces*, never a glob from the user, so characters such as `[` or `?` have no special
/// meaning.
///
/// ```
/// # use cache_core as larder;
/// # use larder::Pattern;
/// let pages = Pattern::new("users:page:*");
/// assert!(pages.matches("users:page:7"));
/// assert!(!pages.matches("users:7"));
/// assert!(Pattern::prefix("a*b").matches("a*b:c"));
/// assert!(!Pattern::prefix("a*b").matches("a-b:c"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Literals; a wildcard is between each pair of neighbours.
    literals: Vec<String>,
}

impl Pattern {
    /// Reads `*` in `text` as a wildcard.
    pub fn new(text: &str) -> Self {
        Self { literals: text.split('*').map(str::to_owned).collect() }
    }

    /// Matches every key that begins with `prefix`. A `*` in it is literal.
    pub fn prefix(prefix: &str) -> Self {
        Self { literals: vec![prefix.to_owned(), String::new()] }
    }

    /// The pattern with these literals, and a wildcard between each pair of neighbours.
    pub(crate) fn of_literals(literals: Vec<String>) -> Self {
        Self { literals }
    }

    /// Puts a literal prefix before this pattern.
    #[must_use]
    pub fn under(&self, prefix: &str) -> Self {
        let mut literals = self.literals.clone();
        if let Some(first) = literals.first_mut() {
            first.insert_str(0, prefix);
        }
        Self { literals }
    }

    /// The same keys of all tenants. `None` if the pattern matches these, too.
    pub(crate) fn of_tenants(&self) -> Option<Self> {
        let first = self.literals.first().filter(|first| !first.is_empty())?;
        let literals = ["@".to_owned(), format!("/{first}")];
        let literals = literals.into_iter().chain(self.literals[1..].iter().cloned()).collect();
        Some(Self { literals })
    }

    /// The literal pieces; a wildcard is between each pair of neighbours.
    pub fn literals(&self) -> &[String] {
        &self.literals
    }

    /// The pattern as a Redis glob: literals escaped, wildcards as `*`.
    pub fn to_redis_glob(&self) -> String {
        let mut glob = String::new();
        for (index, literal) in self.literals.iter().enumerate() {
            if index > 0 {
                glob.push('*');
            }
            for c in literal.chars() {
                if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
                    glob.push('\\');
                }
                glob.push(c);
            }
        }
        glob
    }

    /// Whether the pattern matches `key`, or may match the cut-off part of a long key: an eviction had better
    /// remove too many entries than too few.
    pub(crate) fn covers(&self, key: &str) -> bool {
        let head = || {
            let (head, digest) = key.rsplit_once('#')?;
            let sealed = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            sealed.then_some(head)
        };
        let may = |head: &str| {
            let first = self.literals.first().map_or("", String::as_str);
            self.literals.len() > 1 && (head.starts_with(first) || first.starts_with(head))
        };
        self.matches(key) || head().is_some_and(may)
    }

    /// The pattern of the long keys that this pattern may cover: what a long key keeps of the first literal,
    /// then a `#`. `None` if the pattern itself matches them: it has no wildcard, or one wildcard at the end
    /// of a literal that is not cut off.
    pub(crate) fn of_sealed(&self) -> Option<Self> {
        let first = self.literals.first().filter(|_| self.literals.len() > 1)?;
        if first.len() <= super::limits::SEALED_HEAD && self.literals[1..] == [""] {
            return None;
        }
        let mut end = first.len().min(super::limits::SEALED_HEAD);
        while !first.is_char_boundary(end) {
            end -= 1;
        }
        Some(Self { literals: vec![first[..end].to_owned(), "#".to_owned(), String::new()] })
    }

    /// Whether the pattern matches `key`.
    pub fn matches(&self, key: &str) -> bool {
        let (Some(first), Some(last)) = (self.literals.first(), self.literals.last()) else {
            return false;
        };
        if self.literals.len() == 1 {
            return key == first;
        }
        let Some(rest) = key.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        // Leftmost matches are enough: between the two ends every literal can move.
        for literal in &self.literals[1..self.literals.len() - 1] {
            match rest.find(literal.as_str()) {
                Some(at) => rest = &rest[at + literal.len()..],
                None => return false,
            }
        }
        true
    }
}

/// A pattern as the list of its literals, for messages and logs.
pub(super) mod as_literals {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Pattern;

    pub(crate) fn serialize<S: Serializer>(pattern: &Pattern, to: S) -> Result<S::Ok, S::Error> {
        pattern.literals.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Pattern, D::Error> {
        Ok(Pattern { literals: Vec::deserialize(from)? })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.literals.join("*"))
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.literals.join("*"))
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<&String> for Pattern {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}
