//! The maximum length of a tag. A tag is a key in the store and part of every entry, message and list that
//! names it, so its length is bounded.

use std::borrow::Cow;

use crate::base::READABLE;
use crate::key::KeyBuf;

/// The tag as it is stored. A tag of more than 256 bytes keeps its beginning and ends in the SHA-256 of the
/// whole, like a key. A line break is escaped, because it separates tags.
pub(crate) fn bounded(tag: &str) -> Cow<'_, str> {
    if tag.contains('\n') {
        return Cow::Owned(bounded(&tag.replace('\n', "%0A")).into_owned());
    }
    if tag.len() <= READABLE {
        return Cow::Borrowed(tag);
    }
    let mut text = KeyBuf::new();
    text.literal(tag);
    text.seal();
    Cow::Owned(text.as_str().to_owned())
}
