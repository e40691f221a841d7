//! Typed key patterns: literals and wildcards, so that user text can never become a wildcard.

use std::fmt;

/// A pattern over keys: `*` stands for any run of characters, everything else for itself.
///
/// A pattern is parsed from text with [`Pattern::new`] (`"users:page:*"`) or put together from
/// pieces with [`Pattern::prefix`]. Backends get the *pieces*, never a glob of the user's, so text
/// such as `[` or `?` is just text.
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
    /// Literals with a wildcard between each two neighbours.
    literals: Vec<String>,
}

impl Pattern {
    /// Reads `*` in `text` as a wildcard.
    pub fn new(text: &str) -> Self {
        Self { literals: text.split('*').map(str::to_owned).collect() }
    }

    /// Everything that begins with `prefix`, which is taken literally.
    pub fn prefix(prefix: &str) -> Self {
        Self { literals: vec![prefix.to_owned(), String::new()] }
    }

    pub(crate) fn from_literals(literals: Vec<String>) -> Self {
        Self { literals }
    }

    /// This pattern behind a literal prefix.
    #[must_use]
    pub fn under(&self, prefix: &str) -> Self {
        let mut literals = self.literals.clone();
        if let Some(first) = literals.first_mut() {
            first.insert_str(0, prefix);
        }
        Self { literals }
    }

    /// The literal pieces; between each two neighbours stands a wildcard.
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

    /// Whether `key` is one of the pattern's, or a long key whose cut-off part may be: an eviction
    /// rather takes too many.
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

    /// Where long keys that the pattern may cover are found: below what is left of its beginning,
    /// with a `#`. `None` if the pattern itself finds them: it has no wildcard, or the only one at the end of a
    /// beginning that is not cut off.
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

    /// Whether `key` is one of the pattern's.
    pub fn matches(&self, key: &str) -> bool {
        let (Some(first), Some(last)) = (self.literals.first(), self.literals.last()) else {
            return false;
        };
        if self.literals.len() == 1 {
            return key == first;
        }
        let Some(rest) = key.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        // Leftmost matches are enough: between the ends every literal floats.
        for literal in &self.literals[1..self.literals.len() - 1] {
            match rest.find(literal.as_str()) {
                Some(at) => rest = &rest[at + literal.len()..],
                None => return false,
            }
        }
        true
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
