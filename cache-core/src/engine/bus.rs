//! Applies the messages of other processes to a cache.

use std::sync::Weak;

use super::handle::Engine;
use crate::backend::MessageHandler;
use crate::base::Selection;
use crate::key::KeyId;
use crate::memory::FenceScope;
use crate::remote::{BusEnvelope, BusMessage};
use crate::stats::{CacheEvent, RemovalCause};

/// The cache's listener. It holds the cache weakly, because the cache owns the subscription.
pub(crate) struct Bus {
    pub(crate) cache: Weak<Engine>,
    pub(crate) instance: u64,
}

impl MessageHandler for Bus {
    fn connected(&self) {
        if let Some(engine) = self.cache.upgrade() {
            engine.link(true);
            engine.signals.tell(&CacheEvent::Bus { connected: true });
        }
    }

    fn disconnected(&self) {
        if let Some(engine) = self.cache.upgrade() {
            engine.link(false);
            engine.signals.tell(&CacheEvent::Bus { connected: false });
        }
    }

    fn message(&self, bytes: &[u8]) {
        let Some(engine) = self.cache.upgrade() else { return };
        match postcard::from_bytes::<BusEnvelope>(bytes) {
            Ok(letter) if letter.sender == self.instance => {}
            Ok(letter) => engine.heed(letter.message),
            Err(_) => {
                // The message is of a kind that this version does not know.
                engine.generations.distrust();
            }
        }
    }

    fn changed(&self, key: &str) {
        let Some(engine) = self.cache.upgrade() else { return };
        let value = key.strip_prefix(&*engine.namespace).and_then(|key| key.strip_prefix(':'));
        if let Some(key) = value {
            let _ = engine.forget(KeyId::of(key), FenceScope::Loads, RemovalCause::Elsewhere);
        }
    }
}

impl Engine {
    /// Applies another process's eviction to this process's memory.
    fn heed(&self, message: BusMessage) {
        let BusMessage { evicted, generation } = message;
        match evicted {
            Selection::Keys(keys) => {
                for key in keys {
                    let _ =
                        self.forget(KeyId::of(&key), FenceScope::Loads, RemovalCause::Elsewhere);
                }
            }
            Selection::Pattern(pattern) => {
                let _ = self.forget_matching(&pattern, FenceScope::Loads, RemovalCause::Elsewhere);
            }
            Selection::Tag(name) => self.generations.heed_tag(&name, generation),
            Selection::All => self.generations.heed_space(generation),
        }
    }
}

impl Engine {
    /// Records that the bus link is up or lost. While it is lost, memory is not trusted.
    pub(crate) fn link(&self, up: bool) {
        self.generations.link(up);
        if let Some(remote) = &self.remote {
            remote.record().link(up);
        }
    }

    /// Records the end of the link because the cache was closed: that is not a fault to report.
    pub(crate) fn unlink_for_good(&self) {
        self.generations.link(false);
        if let Some(remote) = &self.remote {
            remote.record().note_link(false);
        }
    }

    /// Records that the backend has no bus, because only this process can reach it.
    pub(crate) fn needs_no_bus(&self) {
        self.generations.link(true);
        if let Some(remote) = &self.remote {
            remote.record().needs_no_bus();
        }
    }
}
