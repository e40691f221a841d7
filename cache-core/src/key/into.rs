//! What is accepted as a key.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Key, KeyBuf};

/// A key, as the methods of a cache take it. Implemented by larder only.
///
/// | type | key |
/// | --- | --- |
/// | `&str`, `String`, `&String`, `Cow<str>` | this text |
/// | [`Key`], `&Key` | the key, with the tags of its model or tenant |
///
/// A text with more than 256 bytes keeps its beginning and ends in the SHA-256 of the whole.
///
/// ```
/// # use cache_core::facade as larder;
/// use larder::key::IntoKey;
/// use larder::{Cache, Error};
///
/// async fn count(cache: &Cache, key: impl IntoKey) -> Result<u64, Error> {
///     let count = cache.entry(key).update(|old| Some(old.unwrap_or(0) + 1u64)).await?;
///     Ok(count.unwrap_or_default())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// # let cache = Cache::builder().build()?;
/// assert_eq!(count(&cache, "visits").await?, 1);
/// assert_eq!(count(&cache, format!("visits:{}", 7)).await?, 1);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key",
    label = "not a key",
    note = "a key is a text (`&str`, `String`), such as `format!(\"user:{{id}}\")`, or a `larder::Key`"
)]
pub trait IntoKey {
    #[doc(hidden)]
    fn into_key_buf(self) -> KeyBuf;
}

impl IntoKey for &str {
    fn into_key_buf(self) -> KeyBuf {
        KeyBuf::from(self)
    }
}

impl IntoKey for &&str {
    fn into_key_buf(self) -> KeyBuf {
        KeyBuf::from(*self)
    }
}

impl IntoKey for String {
    fn into_key_buf(self) -> KeyBuf {
        KeyBuf::from(self.as_str())
    }
}

impl IntoKey for &String {
    fn into_key_buf(self) -> KeyBuf {
        KeyBuf::from(self.as_str())
    }
}

impl IntoKey for Cow<'_, str> {
    fn into_key_buf(self) -> KeyBuf {
        KeyBuf::from(self.as_ref())
    }
}

impl IntoKey for Key {
    fn into_key_buf(self) -> KeyBuf {
        (&self).into_key_buf()
    }
}

impl IntoKey for &Key {
    fn into_key_buf(self) -> KeyBuf {
        let text = KeyBuf::from(self.as_str());
        match self.tags() {
            Some(tags) => text.tagged(Arc::clone(tags)),
            None => text,
        }
    }
}

#[doc(hidden)]
impl IntoKey for KeyBuf {
    fn into_key_buf(self) -> KeyBuf {
        self
    }
}
