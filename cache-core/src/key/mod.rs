//! Keys: injective text, written to the stack, identified by a keyed 128-bit hash.
//!
//! A key has three kinds of text: literals of the programmer, arguments (escaped, so that they never contain
//! a separator, a wildcard or a brace), and the structure of automatic keys.

mod args;
mod buf;
mod builder;
mod entry_key;
mod field;
mod id;
mod identity;
mod into;
mod named;
mod parts;
mod place;
mod template;
mod tenant;
mod text;
mod unordered;

pub use buf::{KeyBuf, KeyPart, KeyText};
pub use builder::KeyBuilder;
pub(crate) use entry_key::EntryKey;
pub use field::{Field, KeyDisplay, PushDisplay, PushExact};
pub(crate) use id::{KeyId, random};
pub(crate) use identity::identity;
pub use into::IntoKey;
pub use named::Key;
pub(crate) use named::unescaped;
pub use parts::KeyParts;
pub use place::Place;
pub(crate) use place::{Written, without_generics};
pub use template::Part;
pub(crate) use template::Template;
pub(crate) use tenant::TenantPrefix;
pub use tenant::TenantText;
pub(crate) use text::ShortText;
