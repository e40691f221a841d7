//! The buffer a key is written to.

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
use super::text::Text;
use super::{args, identity};
use crate::base::{Error, READABLE, SEALED_HEAD};

/// A key being written: on the stack up to 120 bytes, then in a buffer that its thread keeps.
#[derive(Clone, Default)]
pub struct KeyBuf {
    text: Text,
    /// What is under it is in this process's memory only, and so are those who could ask for it.
    here: bool,
    /// Why nothing may be cached under it: it does not tell its call from another one.
    refused: Option<Arc<Error>>,
    /// The tags that entries of a key with a model or a tenant carry, one below the other.
    tags: Option<Arc<str>>,
}

/// What an argument of an automatic key needs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of an automatic key: it has no `serde::Serialize`",
    label = "every argument is part of the key unless it is skipped",
    note = "add `skip(..)` with the argument's name if the value does not depend on it (a connection, a pool), derive `Serialize`, or write a `key` that names a part of it"
)]
pub trait KeyArg: Serialize {}
impl<T: Serialize + ?Sized> KeyArg for T {}

/// What `key_with` needs.
#[diagnostic::on_unimplemented(
    message = "`key_with` has to give a text: `{Self}` has no `Display`",
    label = "neither a text nor anything with `Display`",
    note = "give a `String`, a number, or whatever else has `Display`"
)]
pub trait KeyText: Display {}
impl<T: Display + ?Sized> KeyText for T {}

impl KeyBuf {
    /// An empty key.
    #[inline]
    pub fn new() -> Self {
        Self { text: Text::new(), here: false, refused: None, tags: None }
    }

    /// The beginning of an automatic key: module path and function.
    pub fn function(module: &'static str, name: &'static str) -> Self {
        let mut key = Self::new();
        key.function_path(module, name);
        key
    }

    /// Module path and function, where something stands in front of them.
    pub fn function_path(&mut self, module: &'static str, name: &'static str) {
        self.literal(module);
        self.literal("::");
        self.literal(name);
        self.literal(":");
    }

    /// Text of the programmer's, as it is.
    #[inline]
    pub fn literal(&mut self, text: &str) {
        self.text.extend(text.as_bytes());
    }

    /// An argument of an automatic key: its serde form, closed by a comma.
    ///
    /// A value that serde refuses to serialise (a path that is no UTF-8, say) makes a key that nobody else has, not even
    /// the same call again: nothing tells such values apart, so they may share nothing.
    pub fn arg<T: KeyArg + ?Sized>(&mut self, value: &T) {
        if let Err(error) = self.try_arg(value) {
            unwritten::<T>(&error);
            self.of_nobody();
            self.literal(",");
        }
    }

    /// The same, where a value that is refused leaves nothing behind.
    pub(crate) fn try_arg<T: KeyArg + ?Sized>(&mut self, value: &T) -> Result<(), args::Failed> {
        let start = self.text.len();
        let written = args::write(self, value).inspect_err(|_| self.text.truncate(start));
        written.map(|()| self.literal(","))
    }

    /// In the place of what can't be written: a number that is used once. No argument's text begins with `!error(`.
    #[cold]
    fn of_nobody(&mut self) {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        self.literal("!error(");
        self.integer(NUMBERS.fetch_add(1, Ordering::Relaxed));
        self.literal(")");
        self.here = true;
    }

    /// A type parameter of an automatic key.
    pub fn generic<T: ?Sized>(&mut self) {
        self.literal("<");
        self.type_name::<T>();
        self.literal(">");
    }

    /// A type parameter in a template. Of two types with one name only the first one that is asked about can be in a key.
    pub fn type_name<T: ?Sized>(&mut self) {
        self.escaped(type_name::<T>());
        self.sole::<T>();
    }

    /// For a type whose name is in the key already.
    #[inline]
    pub fn sole<T: ?Sized>(&mut self) {
        if let Err(error) = identity::named::<T>() {
            self.refuse(Arc::new(error));
        }
    }

    /// Nothing may be cached under it, because of `error`.
    #[cold]
    pub(crate) fn refuse(&mut self, error: Arc<Error>) {
        self.refused = Some(error);
    }

    /// Why nothing may be cached under it, if so.
    #[inline]
    pub(crate) fn refused(&self) -> Option<&Arc<Error>> {
        self.refused.as_ref()
    }

    /// What `key_with` makes of the arguments: escaped as one of them would be.
    pub fn text<T: KeyText + ?Sized>(&mut self, text: &T) {
        self.display(text);
    }

    /// A cell, in the place of the arguments: nobody outside of this process can have the same. An
    /// argument's text never begins with `!cell`.
    pub(crate) fn of_cell(&mut self, number: u64) {
        self.literal("!cell(");
        self.integer(number);
        self.literal(")");
        self.here = true;
    }

    /// The hash of a type, for keys of this process alone: short, whatever the type. Two types of one name differ in it.
    pub fn types<T: ?Sized>(&mut self) {
        let _ = write!(self, "{:032x}", KeyId::of(type_name::<T>()).0);
        self.integer(identity::hash_of::<T>());
    }

    /// Whether it is known to this process alone: other tiers and processes need not hear of it.
    pub(crate) fn is_here(&self) -> bool {
        self.here
    }

    /// The same key, whose entries carry `tags`, one below the other, beside those it has.
    pub(crate) fn with_tags(mut self, tags: &str) -> Self {
        self.tags = Some(match self.tags {
            Some(own) => format!("{own}\n{tags}").into(),
            None => tags.into(),
        });
        self
    }

    /// The same key, whose entries carry these tags alone.
    pub(crate) fn tagged(mut self, tags: Arc<str>) -> Self {
        self.tags = Some(tags);
        self
    }

    /// The tags of its entries, which are not the key's any more.
    pub(crate) fn take_tags(&mut self) -> Option<Arc<str>> {
        self.tags.take()
    }

    /// A key that is made of one of this process alone is one, too.
    pub(crate) fn keep_here(&mut self, here: bool) {
        self.here = here;
    }

    /// Text of an argument, escaped.
    ///
    /// Letters, digits, `-._~@+` and everything beyond ASCII stay; every other character becomes
    /// `%XX`. So separators, wildcards and braces in a key are always the programmer's own.
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

    /// For a key that begins with an argument: `@` at the head of a key is a tenant's, which no argument may form.
    pub fn guard_head(&mut self) {
        if self.text.first() == Some(&b'@') {
            self.text[0] = b'%';
            self.text.insert(1, b"40");
        }
    }

    /// An integer; its digits need no escape.
    #[inline]
    pub(crate) fn integer<I: itoa::Integer>(&mut self, value: I) {
        self.literal(itoa::Buffer::new().format(value));
    }

    /// What `Display` writes, escaped.
    pub(crate) fn display(&mut self, value: &(impl fmt::Display + ?Sized)) {
        struct Escaping<'a>(&'a mut KeyBuf);
        impl fmt::Write for Escaping<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.escaped(text);
                Ok(())
            }
        }
        if write!(Escaping(self), "{value}").is_err() {
            // A Display that fails by itself: what it wrote until then can't pass for the value.
            self.of_nobody();
        }
    }

    /// The text so far.
    #[inline]
    pub fn as_str(&self) -> &str {
        // Only whole strings and ASCII are ever pushed; the check costs a few nanoseconds and
        // spares an `unsafe`.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The key's identity, without looking at its text again as text.
    #[inline]
    pub(crate) fn id(&self) -> KeyId {
        KeyId::of_bytes(&self.text)
    }

    /// The bytes from `start` on anew: those of `spans`, in this order.
    pub(super) fn rearrange(&mut self, start: usize, spans: impl Iterator<Item = Range<usize>>) {
        let mut arranged = Text::new();
        spans.for_each(|span| arranged.extend(&self.text[span]));
        self.text.truncate(start);
        self.text.extend(&arranged);
    }

    /// The bytes so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// How many bytes were written.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Bounds the length: a long key keeps its head and ends in the SHA-256 of the whole.
    ///
    /// `#` is escaped in arguments, so no other key of the same function ends this way by itself.
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

/// Whether a byte of an argument stays as it is.
#[inline]
pub(crate) fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@' | b'+')
}

/// Says it once for each type: the program goes on, but these calls are never hits.
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

impl From<&&str> for KeyBuf {
    fn from(text: &&str) -> Self {
        Self::from(*text)
    }
}

impl From<String> for KeyBuf {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for KeyBuf {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}
