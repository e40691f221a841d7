//! Applies the messages of other processes to a cache.

use std::sync::{Arc, PoisonError, Weak};

use super::handle::Engine;
use crate::backend::{Backend, MessageHandler, Subscription};
use crate::base::{BackendErrorKind, Error, Selection};
use crate::key::KeyId;
use crate::memory::FenceScope;
use crate::remote::{BusEnvelope, BusMessage};
use crate::stats::{CacheEvent, RemovalCause};
use crate::tags::Strength;

/// The cache's listener. It holds the cache weakly, because the cache owns the subscription.
struct Bus {
    cache: Weak<Engine>,
    instance: u64,
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
        let BusMessage { evicted, generation, soft } = message;
        let strength = if soft { Strength::Soft } else { Strength::Hard };
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
            Selection::Tag(name) => self.generations.heed_tag(&name, generation, strength),
            Selection::All => self.generations.heed_space(generation, strength),
        }
    }
}

impl Engine {
    /// Subscribes to the bus. Until it is connected, memory is not trusted. A cache without a memory tier
    /// subscribes, too, because evictions end the loads for which other callers would wait.
    pub(crate) fn listen(self: &Arc<Self>, backend: &dyn Backend) -> Result<(), Error> {
        let Some(remote) = &self.remote else { return Ok(()) };
        self.generations.link(false);
        let bus = Arc::new(Bus { cache: Arc::downgrade(self), instance: self.instance });
        match backend.subscribe(&remote.channel(), bus) {
            Ok(subscription) => self.hold(Some(subscription)),
            Err(error) if error.kind() == BackendErrorKind::Unsupported => self.needs_no_bus(),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Ends the subscription, because the cache was closed: that is not a fault to report.
    pub(crate) fn unsubscribe(&self) {
        self.hold(None);
        if let Some(remote) = &self.remote {
            self.generations.link(false);
            remote.record().note_link(false);
        }
    }

    /// Keeps the subscription while the cache lives.
    fn hold(&self, bus: Option<Subscription>) {
        let mut held = self.bus.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *held, bus);
        drop(held);
        // A subscription's `Drop` is the backend's code: not under the lock.
        drop(before);
    }

    /// Whether evictions by other processes arrive.
    pub(crate) fn is_linked(&self) -> bool {
        self.generations.is_linked()
    }

    /// Records that the bus link is up or lost. While it is lost, memory is not trusted.
    fn link(&self, up: bool) {
        self.generations.link(up);
        if let Some(remote) = &self.remote {
            remote.record().link(up);
        }
    }

    /// Records that the backend has no bus, because only this process can reach it.
    fn needs_no_bus(&self) {
        self.generations.link(true);
        if let Some(remote) = &self.remote {
            remote.record().needs_no_bus();
        }
    }
}
