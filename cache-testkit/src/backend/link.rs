//! The bus between a faulty backend and its listeners.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::faults::Faults;
use cache_core::MessageHandler;

/// Wraps a listener, and filters its messages.
pub(super) struct Wire {
    listener: Arc<dyn MessageHandler>,
    /// Whether the store's own link is up.
    connected: AtomicBool,
    faults: Faults,
}

/// The wires of one backend, while they have listeners.
#[derive(Default)]
pub(crate) struct Wires(Mutex<Vec<Weak<Wire>>>);

impl Wires {
    pub(super) fn add(&self, listener: Arc<dyn MessageHandler>, faults: &Faults) -> Arc<Wire> {
        let wire = Wire { listener, connected: AtomicBool::new(false), faults: faults.clone() };
        let wire = Arc::new(wire);
        let mut wires = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wires.retain(|wire| wire.strong_count() > 0);
        wires.push(Arc::downgrade(&wire));
        wire
    }

    /// Tells the listeners whose own link is up that the link is up or lost.
    pub(super) fn tell(&self, linked: bool) {
        let wires = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for wire in wires.iter().filter_map(Weak::upgrade) {
            if wire.connected.load(Ordering::SeqCst) {
                if linked { wire.listener.connected() } else { wire.listener.disconnected() }
            }
        }
    }
}

impl MessageHandler for Wire {
    fn connected(&self) {
        self.connected.store(true, Ordering::SeqCst);
        if self.faults.is_linked() {
            self.listener.connected();
        }
    }

    fn disconnected(&self) {
        self.connected.store(false, Ordering::SeqCst);
        self.listener.disconnected();
    }

    fn message(&self, message: &[u8]) {
        if self.faults.delivers() {
            self.listener.message(message);
        }
    }

    fn changed(&self, key: &str) {
        if self.faults.delivers() {
            self.listener.changed(key);
        }
    }
}
