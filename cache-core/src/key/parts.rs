//! Reads the parts of a key from its text.

use std::str::FromStr;

use serde::Serialize;

use super::buf::KeyBuf;
use super::named::{Key, unescaped};
use super::tenant::TenantPrefix;
use crate::base::{Error, READABLE, SEALED_HEAD};

/// The parts of a [`Key`], read from its text; returned by [`Key::parts`].
///
/// Which parts there are follows from the form of the text:
///
/// | form | parts |
/// | --- | --- |
/// | `user:page:blue,3,` | `model` and `operation`, `params` |
/// | `shop::users::get_user:7,` | `function`, `params` |
/// | any other, such as `user:7` | `text` |
/// | before it `@acme/`; `v1:` or `v1/` | `tenants`; `prefix` (only before a model or function) |
/// | after it `#2` | `version` |
///
/// A template (`#[cached(key = "..")]`) or a key by hand may have the text of another form: a template `"a:b:{id},"` reads as a
/// model. A key of more than 256 bytes was cut: its `text` is the beginning, and `is_cut` is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyParts {
    /// The tenants, the outermost one first.
    pub tenants: Vec<String>,
    /// The prefix of a model's or function's key, without the separator.
    pub prefix: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The operation of the model.
    pub operation: Option<String>,
    /// The path of the function, if the key is automatic.
    pub function: Option<String>,
    /// The types that are part of the key: of a method, or of a generic function.
    pub types: Vec<String>,
    /// The arguments of a model's or function's key. A string is as it was given; any other value has the notation of
    /// keys, such as `3`, `!n` for `None`, `$3` for `Some(3)`, `(1,2,)` for a list.
    pub params: Vec<String>,
    /// The text of a key that is neither a model's nor a function's.
    pub text: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// Whether the key was longer than 256 bytes, so that it ends in a hash of the whole.
    pub is_cut: bool,
}

impl Key {
    /// Reads the parts of the key: tenant, prefix, model, operation, arguments, version.
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Error, Key};
    /// # fn main() -> Result<(), Error> {
    /// let key: Key = "@acme/user:page:blue%20team,3,#2".parse()?;
    /// let parts = key.parts();
    /// assert_eq!((parts.model.as_deref(), parts.operation.as_deref()), (Some("user"), Some("page")));
    /// assert_eq!(parts.params, ["blue team", "3"]);
    /// assert_eq!((&*parts.tenants[0], parts.version.as_deref()), ("acme", Some("2")));
    ///
    /// assert_eq!("user:7".parse::<Key>()?.parts().text.as_deref(), Some("user:7"));
    /// assert!("user:*".parse::<Key>().is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn parts(&self) -> KeyParts {
        let mut parts = KeyParts::default();
        let (tenant, rest) = match TenantPrefix::at_start(self.as_str()) {
            Some((tenant, rest)) => (Some(tenant), rest),
            None => (None, self.as_str()),
        };
        parts.tenants = tenant.iter().flat_map(TenantPrefix::names).collect();
        // A tenant's key may be cut before or after it gets the prefix.
        parts.is_cut = is_cut(rest) || is_cut(self.as_str());
        match rest.len().checked_sub(HASH).filter(|_| parts.is_cut) {
            Some(end) => parts.text = rest.get(..end).map(str::to_owned),
            None => parts.read(rest),
        }
        parts
    }

    /// Splits the full key of a store into the namespace and the key: the reverse of
    /// [`in_namespace`](Self::in_namespace).
    ///
    /// ```
    /// # use cache_core as larder;
    /// # use larder::{Error, Key};
    /// # fn main() -> Result<(), Error> {
    /// let (namespace, key) = Key::split_namespace("shop:user:get:7,")?;
    /// assert_eq!((namespace, key.parts().model.as_deref()), ("shop", Some("user")));
    /// assert_eq!(key.in_namespace(namespace), "shop:user:get:7,");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`]: there is no namespace, or what follows is not a key.
    pub fn split_namespace(full: &str) -> Result<(&str, Self), Error> {
        let wrong = || Error::config("key", "it has no namespace: the text before the first `:`");
        let (namespace, key) = full.split_once(':').ok_or_else(wrong)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        match !namespace.is_empty() && namespace.chars().all(plain) {
            true => Ok((namespace, key.parse()?)),
            false => Err(wrong()),
        }
    }

    /// Reverts [`escape`](Self::escape); `None` if the text is not escaped text.
    pub fn unescape(text: &str) -> Option<String> {
        unescaped(text)
    }
}

/// Reads a key as [`Cache::keys`](crate::engine::Cache::keys) lists it, without the namespace.
///
/// A key of a model or of a tenant has the tags of its entries, as one from the [builder](Key::builder).
///
/// # Errors
/// [`Error::Config`]: the text is empty, has more than 256 bytes, contains control characters or characters that are
/// reserved for patterns (`*?[]\`), or begins with `@` but not with a tenant (`@acme/`).
impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        check(text)?;
        let (tenant, rest) = match TenantPrefix::at_start(text) {
            Some((tenant, rest)) => (Some(tenant), rest),
            None if text.starts_with('@') => {
                let message = "it begins with `@`, but not with a tenant such as `@acme/`";
                return Err(Error::config("key", message));
            }
            None => (None, text),
        };
        check(rest)?;
        let mut key = KeyBuf::new();
        key.literal(rest);
        let parts = Self::tagged(text, "").parts();
        if let (Some(model), Some(op)) = (&parts.model, &parts.operation) {
            key = key.with_tags(&format!("model:{model}\nmodel:{model}:{op}"));
        }
        Ok(Self::of(match tenant {
            Some(tenant) => tenant.key(key),
            None => key,
        }))
    }
}

fn check(text: &str) -> Result<(), Error> {
    // An argument may contain control characters beyond ASCII.
    let reserved = |c: &char| c.is_ascii_control() || matches!(c, '*' | '?' | '[' | ']' | '\\');
    let message = match text.chars().find(reserved) {
        Some(c) => format!("`{}` is reserved: no key contains it", c.escape_debug()),
        None if text.is_empty() => "it is empty: every entry needs a name".to_owned(),
        None if text.len() > READABLE => {
            format!("it has {} bytes, and a key has {READABLE} at most", text.len())
        }
        None => return Ok(()),
    };
    Err(Error::config("key", message))
}

/// The length of `#` and a SHA-256, in which a key ends that was cut.
const HASH: usize = 65;

/// Whether the key was cut.
fn is_cut(text: &str) -> bool {
    let Some((start, hash)) = text.len().checked_sub(HASH).and_then(|at| text.split_at_checked(at))
    else {
        return false;
    };
    let digits = hash.strip_prefix('#').unwrap_or_default();
    let is_hash =
        !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    // The cut is at the start of a character, which may have four bytes.
    is_hash && (SEALED_HEAD - 3..=SEALED_HEAD).contains(&start.len())
}

impl KeyParts {
    /// Reads a whole key without its tenants.
    fn read(&mut self, text: &str) {
        let Some(marks) = Marks::of(text) else {
            self.text = Some(text.to_owned());
            return;
        };
        let (body, version) = match marks.hash {
            Some(at) => (&text[..at], Some(text[at + 1..].to_owned())),
            None => (text, None),
        };
        self.version = version;
        if self.read_structure(body, marks.colon).is_none() {
            *self = Self {
                tenants: std::mem::take(&mut self.tenants),
                version: self.version.take(),
                text: Some(body.to_owned()),
                ..Self::default()
            };
        }
    }

    /// Reads a model's or a function's key; `None` if it is neither.
    fn read_structure(&mut self, body: &str, colon: Option<usize>) -> Option<()> {
        let at = colon?;
        let mut rest = &body[at + 1..];
        while let Some(of_type) = rest.strip_prefix('<') {
            let (name, after) = of_type.split_once('>')?;
            self.types.push(unescaped(name)?);
            rest = after;
        }
        while !rest.is_empty() {
            let end = comma(rest)?;
            self.params.push(argument(&rest[..end])?);
            rest = &rest[end + 1..];
        }
        self.read_name(&body[..at])
    }

    /// Reads prefix and function, or prefix, model and operation.
    fn read_name(&mut self, name: &str) -> Option<()> {
        let (prefix, function) = prefixed(name);
        if function.contains("::") {
            self.prefix = prefix;
            self.function = Some(function.to_owned());
            let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
            return function.chars().all(is_path).then_some(());
        }
        let (before, operation) = name.rsplit_once(':')?;
        let (prefix, model) = prefixed(before);
        let is_name = |name: &str| {
            let plain =
                |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-._~@+".contains(c);
            !name.is_empty() && name.chars().all(plain)
        };
        if !is_name(model) || !is_name(operation) {
            return None;
        }
        self.prefix = prefix;
        self.model = Some(model.to_owned());
        self.operation = Some(operation.to_owned());
        Some(())
    }
}

/// The prefix, without its separator, and the name after it. A path has no single colon.
fn prefixed(name: &str) -> (Option<String>, &str) {
    let single = |at: &usize| {
        let byte = |at: usize| name.as_bytes().get(at).copied();
        byte(*at) == Some(b'/')
            || byte(*at) == Some(b':')
                && byte(at + 1) != Some(b':')
                && at.checked_sub(1).and_then(byte) != Some(b':')
    };
    match (0..name.len()).rev().find(single) {
        Some(at) => (Some(name[..at].to_owned()), &name[at + 1..]),
        None => (None, name),
    }
}

/// The last colon, and the last `#` after it, outside of parentheses and types.
struct Marks {
    colon: Option<usize>,
    hash: Option<usize>,
}

impl Marks {
    /// `None` if parentheses and types are not closed.
    fn of(text: &str) -> Option<Self> {
        let (mut depth, mut in_type) = (0_usize, false);
        let mut marks = Self { colon: None, hash: None };
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'<' if in_type => return None,
                b'<' => in_type = true,
                b'>' if !in_type => return None,
                b'>' => in_type = false,
                _ if in_type => {}
                b'(' => depth += 1,
                b')' => depth = depth.checked_sub(1)?,
                b'#' if depth == 0 && marks.hash.is_none() => marks.hash = Some(at),
                // What follows a version is a part of it.
                b':' if depth == 0 && marks.hash.is_none() => marks.colon = Some(at),
                _ => {}
            }
        }
        (depth == 0 && !in_type).then_some(marks)
    }
}

/// The position of the comma that ends the first argument.
fn comma(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// An argument as it is shown. A string that does not begin with a letter is marked.
fn argument(text: &str) -> Option<String> {
    let first = text.bytes().next()?;
    match text.strip_prefix('\'') {
        Some(text) => unescaped(text),
        None if first.is_ascii_alphabetic() => unescaped(text),
        None => Some(text.to_owned()),
    }
}
