//! What a cache does when it hears of other processes.

use std::sync::Weak;

use super::handle::Inner;
use crate::backend::Listener;
use crate::base::Pattern;
use crate::key::KeyId;
use crate::memory::Reach;
use crate::remote::{Letter, Message};
use crate::stats::{Cause, Signal};

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

impl Inner {
    /// The bus is there, or is lost: then memory is not trusted.
    pub(crate) fn link(&self, up: bool) {
        self.generations.link(up);
        if let Some(remote) = &self.remote {
            remote.record().link(up);
        }
    }

    /// Nothing is heard any more, because the cache was closed: that is no fault to tell of.
    pub(crate) fn unlink_for_good(&self) {
        self.generations.link(false);
        if let Some(remote) = &self.remote {
            remote.record().note_link(false);
        }
    }

    /// The backend has no bus, because only this process can see it.
    pub(crate) fn needs_no_bus(&self) {
        self.generations.link(true);
        if let Some(remote) = &self.remote {
            remote.record().needs_no_bus();
        }
    }
}
