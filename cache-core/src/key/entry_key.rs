//! A complete key.

use std::sync::Arc;

use smol_str::SmolStr;

use super::buf::KeyBuf;
use super::id::KeyId;
use super::text::ShortText;
use crate::base::Error;

/// The key of an entry: a text that is complete, and its identity. A [`KeyBuf`] has room to write a key. This has less, because
/// each request has one.
#[derive(Clone, Debug)]
pub(crate) struct EntryKey {
    text: ShortText<56>,
    id: KeyId,
    /// Set for keys that only this process can form: their entries are never sent to the remote tier or the bus.
    here: bool,
    /// Set if nothing may be cached under this key, because the key does not identify its call.
    refused: Option<Arc<Error>>,
}

impl EntryKey {
    /// The key with this text, whose identity is `id`.
    pub(crate) fn new(text: &[u8], id: KeyId, here: bool, refused: Option<Arc<Error>>) -> Self {
        Self { text: ShortText::of_bytes(text), id, here, refused }
    }

    /// The key of an entry of this process only.
    pub(crate) fn only_here(text: &str, id: KeyId) -> Self {
        Self::new(text.as_bytes(), id, true, None)
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// The text, for an entry to keep.
    pub(crate) fn text(&self) -> SmolStr {
        SmolStr::new(self.as_str())
    }

    /// The identity in memory.
    #[inline]
    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// Whether only this process can form the key.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.here
    }

    /// The reason why nothing may be cached under this key, if there is one.
    #[inline]
    pub(crate) fn refused(&self) -> Option<&Arc<Error>> {
        self.refused.as_ref()
    }
}

impl From<&KeyBuf> for EntryKey {
    fn from(key: &KeyBuf) -> Self {
        Self::new(key.bytes(), key.id(), key.is_here(), key.refused().cloned())
    }
}

impl From<KeyBuf> for EntryKey {
    fn from(key: KeyBuf) -> Self {
        Self::from(&key)
    }
}
