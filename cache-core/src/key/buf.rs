//! The buffer to which a key is written.

use std::any::type_name;
use std::collections::BTreeSet;
use std::fmt;
use std::fmt::{Display, Write as _};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::id::KeyId;
use super::text::{ShortText, Text};
use super::{args, identity};
use crate::base::{Error, READABLE, SEALED_HEAD};

/// A key while it is written: on the stack up to 120 bytes, then in a buffer that its thread keeps.
#[derive(Clone, Default)]
pub struct KeyBuf {
    text: Text,
    /// Set for keys that only this process can form: their entries are never sent to the remote tier or the
    /// bus.
    here: bool,
    /// Set if nothing may be cached under this key, because the key does not identify its call.
    refused: Option<Arc<Error>>,
    /// The tags that entries carry if the key has a model or a tenant, separated by line breaks.
    tags: Option<Arc<str>>,
}

/// A part of a key that is made before the key: the text of `key_with`. The user's expression may have side
/// effects, so it is evaluated once for each call.
#[derive(Clone)]
pub struct KeyPart {
    text: ShortText<24>,
    here: bool,
}

impl KeyPart {
    /// The text, escaped as an argument would be.
    pub fn of<T: KeyText + ?Sized>(text: &T) -> Self {
        let mut written = KeyBuf::new();
        written.display(text);
        Self { text: ShortText::of_bytes(&written.text), here: written.here }
    }
}

impl fmt::Debug for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPart")
    }
}

/// The requirement on an argument of an automatic key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of an automatic key: it has no `serde::Serialize`",
    label = "every argument is part of the key unless it is skipped",
    note = "add `skip(..)` with the argument's name if the value does not depend on it (a connection, a pool), derive `Serialize`, or write a `key` that names a part of it"
)]
pub trait KeyArg: Serialize {}
impl<T: Serialize + ?Sized> KeyArg for T {}

/// The requirement on the output of `key_with`.
#[diagnostic::on_unimplemented(
    message = "`key_with` must return a text: `{Self}` has no `Display`",
    label = "has no `Display`",
    note = "return a `String`, a number, or another type with `Display`"
)]
pub trait KeyText: Display {}
impl<T: Display + ?Sized> KeyText for T {}

impl KeyBuf {
    /// Creates an empty key.
    #[inline]
    pub fn new() -> Self {
        Self { text: Text::new(), here: false, refused: None, tags: None }
    }

    /// Writes text of the programmer unchanged.
    #[inline]
    pub fn literal(&mut self, text: &str) {
        self.text.extend(text.as_bytes());
    }

    /// Writes an argument of an automatic key: its serde form, then a comma.
    ///
    /// If serde refuses to serialise the value (a path that is not UTF-8, for example), the key becomes
    /// unique, even for the same call: nothing distinguishes such values, so they must not share entries.
    pub fn arg<T: KeyArg + ?Sized>(&mut self, value: &T) {
        if let Err(error) = self.try_arg(value) {
            unwritten::<T>(&error);
            self.of_nobody();
            self.literal(",");
        }
    }

    /// Writes an argument like [`arg`](Self::arg), but writes nothing if serde refuses the value.
    pub(crate) fn try_arg<T: KeyArg + ?Sized>(&mut self, value: &T) -> Result<(), args::Failed> {
        let start = self.text.len();
        let written = args::write(self, value).inspect_err(|_| self.text.truncate(start));
        written.map(|()| self.literal(","))
    }

    /// Writes a number that is used once, instead of a value that cannot be written. No argument's text
    /// begins with `!error(`.
    #[cold]
    fn of_nobody(&mut self) {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        self.literal("!error(");
        self.integer(NUMBERS.fetch_add(1, Ordering::Relaxed));
        self.literal(")");
        self.here = true;
    }

    /// Writes a type parameter of an automatic key.
    pub fn generic<T: ?Sized>(&mut self) {
        self.literal("<");
        self.type_name::<T>();
        self.literal(">");
    }

    /// Writes a type parameter of a template. Of two types with one name only the first one that appears can
    /// be in a key.
    pub fn type_name<T: ?Sized>(&mut self) {
        self.escaped(type_name::<T>());
        self.sole::<T>();
    }

    /// Checks a type whose name is already in the key: no other type of that name may be in keys.
    #[inline]
    pub fn sole<T: ?Sized>(&mut self) {
        if let Err(error) = identity::named::<T>() {
            self.refuse(Arc::new(error));
        }
    }

    /// Forbids caching under this key, because of `error`.
    #[cold]
    pub(crate) fn refuse(&mut self, error: Arc<Error>) {
        self.refused = Some(error);
    }

    /// The reason why nothing may be cached under this key, if there is one.
    #[inline]
    pub(crate) fn refused(&self) -> Option<&Arc<Error>> {
        self.refused.as_ref()
    }

    /// Writes the output of `key_with`.
    pub fn part(&mut self, part: &KeyPart) {
        self.text.extend(&part.text);
        self.here |= part.here;
    }

    /// Writes a cell's number instead of arguments: no other process can form the same key. An argument's
    /// text never begins with `!cell`.
    pub(crate) fn of_cell(&mut self, number: u64) {
        self.literal("!cell(");
        self.integer(number);
        self.literal(")");
        self.here = true;
    }

    /// Writes the hash of a type, for keys of this process only: short for every type, and different for two
    /// types of one name.
    pub fn types<T: ?Sized>(&mut self) {
        let _ = write!(self, "{:032x}", KeyId::of(type_name::<T>()).0);
        self.integer(identity::hash_of::<T>());
    }

    /// Whether only this process can form the key: it is not sent to other tiers and processes.
    pub(crate) fn is_here(&self) -> bool {
        self.here
    }

    /// Whether the key has tags for its entries.
    pub(crate) fn has_tags(&self) -> bool {
        self.tags.is_some()
    }

    /// Adds tags to those that the key's entries carry. `tags` are separated by line breaks.
    pub(crate) fn with_tags(mut self, tags: &str) -> Self {
        self.tags = Some(match self.tags {
            Some(own) => format!("{own}\n{tags}").into(),
            None => tags.into(),
        });
        self
    }

    /// Replaces the tags that the key's entries carry.
    pub(crate) fn tagged(mut self, tags: Arc<str>) -> Self {
        self.tags = Some(tags);
        self
    }

    /// The tags that the key's entries carry, separated by line breaks.
    pub(crate) fn tags(&self) -> Option<&str> {
        self.tags.as_deref()
    }

    /// Removes and returns the tags of the key's entries.
    pub(crate) fn take_tags(&mut self) -> Option<Arc<str>> {
        self.tags.take()
    }

    /// Marks the key as known to this process only. A key made from such a key must be marked, too.
    pub(crate) fn keep_here(&mut self, here: bool) {
        self.here = here;
    }

    /// Writes text of an argument, escaped.
    ///
    /// Letters, digits, `-._~@+` and all characters beyond ASCII stay; every other character becomes `%XX`.
    /// So every separator, wildcard and brace in a key is the programmer's own.
    #[inline]
    pub fn escaped(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if bytes.iter().copied().all(plain) {
            self.text.extend(bytes);
        } else {
            self.escape_slowly(bytes);
        }
    }

    #[cold]
    fn escape_slowly(&mut self, bytes: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        for &byte in bytes {
            if plain(byte) {
                self.text.extend(&[byte]);
            } else {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                self.text.extend(&[b'%', high, low]);
            }
        }
    }

    /// Escapes an `@` at the start of a key that begins with an argument: there it would name a tenant.
    pub fn guard_head(&mut self) {
        if self.text.first() == Some(&b'@') {
            self.text[0] = b'%';
            self.text.insert(1, b"40");
        }
    }

    /// Writes an integer; its digits need no escape.
    #[inline]
    pub(crate) fn integer<I: itoa::Integer>(&mut self, value: I) {
        self.literal(itoa::Buffer::new().format(value));
    }

    /// Writes the `Display` text of a value, escaped.
    pub(crate) fn display(&mut self, value: &(impl fmt::Display + ?Sized)) {
        struct Escaping<'a>(&'a mut KeyBuf);
        impl fmt::Write for Escaping<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.escaped(text);
                Ok(())
            }
        }
        if write!(Escaping(self), "{value}").is_err() {
            // The value's `Display` failed: its partial text must not identify the value.
            self.of_nobody();
        }
    }

    /// The text so far.
    #[inline]
    pub fn as_str(&self) -> &str {
        // Only whole strings and ASCII are ever pushed. The check costs a few nanoseconds and avoids
        // `unsafe`.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The key's identity, computed from the bytes.
    #[inline]
    pub(crate) fn id(&self) -> KeyId {
        KeyId::of_bytes(&self.text)
    }

    /// Replaces the bytes from `start` on by those of `spans`, in this order.
    pub(super) fn rearrange(&mut self, start: usize, spans: impl Iterator<Item = Range<usize>>) {
        let mut arranged = Text::new();
        spans.for_each(|span| arranged.extend(&self.text[span]));
        self.text.truncate(start);
        self.text.extend(&arranged);
    }

    /// The bytes so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// The number of bytes written.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether nothing is written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Bounds the length: a long key keeps its beginning and ends in the SHA-256 of the whole.
    ///
    /// `#` is escaped in arguments, so no other key of the same function can end this way.
    #[inline]
    pub fn seal(&mut self) {
        if self.text.len() > READABLE {
            self.seal_slowly();
        }
    }

    #[cold]
    fn seal_slowly(&mut self) {
        let digest = Sha256::digest(&*self.text);
        let mut head = SEALED_HEAD;
        while !self.as_str().is_char_boundary(head) {
            head -= 1;
        }
        self.text.truncate(head);
        self.literal("#");
        for byte in digest {
            let _ = write!(self, "{byte:02x}");
        }
    }
}

/// Whether a byte of an argument stays unescaped.
#[inline]
pub(crate) fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@' | b'+')
}

/// Logs the refusal once for each type: the program continues, but these calls are never hits.
#[cold]
fn unwritten<T: ?Sized>(error: &args::Failed) {
    static SAID: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let name = type_name::<T>();
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
        tracing::error!(
            target: "larder::key",
            { "type" = name, %error },
            "larder: an argument can't be part of a key, and its calls are never hits"
        );
    }
}

impl fmt::Write for KeyBuf {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.literal(text);
        Ok(())
    }
}

impl fmt::Debug for KeyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBuf({:?})", self.as_str())
    }
}

impl From<&str> for KeyBuf {
    fn from(text: &str) -> Self {
        let mut key = Self::new();
        key.literal(text);
        key.seal();
        key
    }
}
