//! The bus: what one process evicts, the memory tiers of the others forget.

use std::sync::Weak;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Pattern;
use crate::backend::{Listener, Notice};
use crate::cache::Inner;
use crate::invalidation::Reach;
use crate::key::KeyId;
use crate::observe::{Cause, Signal};

/// What is told. A message of a later format is not understood, and then nothing in memory is
/// trusted any more.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Keys(Vec<String>),
    /// The pattern's literals.
    Pattern(Vec<String>),
    Tag(String, u64),
    Space(u64),
}

#[derive(Serialize, Deserialize)]
struct Letter {
    sender: u64,
    message: Message,
}

pub(crate) fn notice(channel: &str, sender: u64, message: Message) -> Notice {
    let letter = Letter { sender, message };
    // Encoding into memory does not fail for these types; an empty letter would distrust memory.
    let message = Bytes::from(postcard::to_stdvec(&letter).unwrap_or_default());
    Notice { channel: channel.to_owned(), message }
}

/// The cache's ear. It holds the cache weakly: the cache owns the subscription.
pub(crate) struct Bus {
    pub(crate) cache: Weak<Inner>,
    pub(crate) instance: u64,
}

impl Listener for Bus {
    fn connected(&self) {
        if let Some(inner) = self.cache.upgrade() {
            inner.link(true);
            inner.signals.tell(&Signal::Bus { connected: true });
        }
    }

    fn disconnected(&self) {
        if let Some(inner) = self.cache.upgrade() {
            inner.link(false);
            inner.signals.tell(&Signal::Bus { connected: false });
        }
    }

    fn message(&self, bytes: &[u8]) {
        let Some(inner) = self.cache.upgrade() else { return };
        match postcard::from_bytes::<Letter>(bytes) {
            Ok(letter) if letter.sender == self.instance => {}
            Ok(letter) => inner.heed(letter.message),
            Err(_) => {
                // Somebody said something that this version does not know.
                inner.generations.distrust();
            }
        }
    }

    fn changed(&self, key: &str) {
        let Some(inner) = self.cache.upgrade() else { return };
        let value = key.strip_prefix(&*inner.namespace).and_then(|key| key.strip_prefix(':'));
        if let Some(key) = value {
            let _ = inner.forget(KeyId::of(key), Reach::Loads, Cause::Elsewhere);
        }
    }
}

impl Inner {
    /// Follows another process's eviction in this one's memory.
    fn heed(&self, message: Message) {
        match message {
            Message::Keys(keys) => {
                for key in keys {
                    let _ = self.forget(KeyId::of(&key), Reach::Loads, Cause::Elsewhere);
                }
            }
            Message::Pattern(literals) => {
                let pattern = Pattern::from_literals(literals);
                let _ = self.forget_matching(&pattern, Reach::Loads, Cause::Elsewhere);
            }
            Message::Tag(name, generation) => self.generations.heed_tag(&name, generation),
            Message::Space(generation) => self.generations.heed_space(generation),
        }
    }
}
