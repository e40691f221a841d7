//! How long a tag is at most: it is a key of the store, and lies in every entry, message and list that names it.

use std::borrow::Cow;

use crate::base::READABLE;
use crate::key::KeyBuf;

/// The tag as it is kept. One of more than 256 bytes keeps its head and ends in the SHA-256 of the whole, as a key does.
pub(crate) fn bounded(tag: &str) -> Cow<'_, str> {
    if tag.len() <= READABLE {
        return Cow::Borrowed(tag);
    }
    let mut text = KeyBuf::new();
    text.literal(tag);
    text.seal();
    Cow::Owned(text.as_str().to_owned())
}
