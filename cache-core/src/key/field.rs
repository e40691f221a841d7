//! Arguments in key templates: a fast path for integers and strings, `Display` for the rest.
//!
//! Expansions call `(&Field(&id)).push(&mut key)` with both traits in scope; method resolution finds
//! [`PushExact`] first (it needs one reference less) if the type implements it.

use std::fmt::Display;

use super::buf::KeyBuf;
use super::template::NONE;

/// An argument to be written to a key.
#[derive(Debug)]
pub struct Field<'a, T: ?Sized>(pub &'a T);

/// The fast path.
pub trait PushExact {
    /// Writes the argument.
    fn push(&self, key: &mut KeyBuf);
}

/// The general path. The bound is on the method, not on the implementation: so rustc finds the method and
/// prints the message of `KeyDisplay`.
pub trait PushDisplay {
    /// The argument.
    type Arg: ?Sized;
    /// Writes the argument.
    fn push(&self, key: &mut KeyBuf)
    where
        Self::Arg: KeyDisplay;
}

macro_rules! integers {
    ($($t:ty),*) => { $(
        impl PushExact for Field<'_, $t> {
            #[inline]
            fn push(&self, key: &mut KeyBuf) {
                key.integer(*self.0);
            }
        }
        impl PushExact for Field<'_, &$t> {
            #[inline]
            fn push(&self, key: &mut KeyBuf) {
                key.integer(**self.0);
            }
        }
    )* };
}

integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

macro_rules! strings {
    ($($t:ty),*) => { $(
        impl PushExact for Field<'_, $t> {
            #[inline]
            fn push(&self, key: &mut KeyBuf) {
                key.escaped(self.0);
            }
        }
    )* };
}

strings!(str, &str, String, &String);

impl<T: KeyDisplay> PushExact for Field<'_, Option<T>> {
    /// No argument's text contains a `!`.
    fn push(&self, key: &mut KeyBuf) {
        match self.0 {
            Some(value) => value.write(key),
            None => key.literal(NONE),
        }
    }
}

impl<T: KeyDisplay> PushExact for Field<'_, &Option<T>> {
    fn push(&self, key: &mut KeyBuf) {
        Field(*self.0).push(key);
    }
}

impl<T: ?Sized> PushDisplay for &Field<'_, T> {
    type Arg = T;
    fn push(&self, key: &mut KeyBuf)
    where
        T: KeyDisplay,
    {
        self.0.write(key);
    }
}

/// The requirement on a template's placeholder.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of a key template: it has no `Display`",
    label = "a placeholder in `key` needs `Display`",
    note = "name a field that has it (`{{arg.id}}`), implement `Display`, or leave `key` out: automatic keys use `serde::Serialize`"
)]
pub trait KeyDisplay {
    /// Writes the escaped text.
    fn write(&self, key: &mut KeyBuf);
}

impl<T: Display + ?Sized> KeyDisplay for T {
    fn write(&self, key: &mut KeyBuf) {
        key.display(self);
    }
}
