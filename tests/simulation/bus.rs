//! The bus between the nodes: messages are delayed, arrive twice, and overtake those of other senders. A message is
//! lost only if the link of its subscriber is lost, which the subscriber learns within a bound.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder::backend::{Bytes, MessageHandler};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::chance::Chance;
use super::history::{Event, History, Node};
use super::link::Link;
use super::weather::{BUS_DELAY, BUS_NOTICE};

/// A message on its way, and the subscription that it is for.
struct Letter {
    arrives: Instant,
    subscription: u64,
    message: Bytes,
}

/// The subscription of one node.
pub(crate) struct Ear {
    node: Node,
    link: Arc<Link>,
    listener: Arc<dyn MessageHandler>,
    /// Odd while the link is up: every loss and every return increments it.
    subscription: AtomicU64,
    /// One channel per sender, so that the messages of a sender arrive in order.
    senders: Vec<mpsc::UnboundedSender<Letter>>,
}

#[derive(Default)]
pub(crate) struct Bus {
    ears: Mutex<Vec<Arc<Ear>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bus {
    pub(crate) fn ear(&self, node: Node) -> Option<Arc<Ear>> {
        lock(&self.ears).iter().find(|ear| ear.node == node).cloned()
    }

    pub(crate) fn subscribe(
        &self,
        link: &Arc<Link>,
        nodes: usize,
        chance: &Arc<Chance>,
        listener: Arc<dyn MessageHandler>,
    ) {
        let node = link.node;
        let ear = Arc::new_cyclic(|ear: &std::sync::Weak<Ear>| {
            let wire = |sender| {
                let (sending, mut letters) = mpsc::unbounded_channel::<Letter>();
                let ear = ear.clone();
                tokio::spawn(async move {
                    while let Some(letter) = letters.recv().await {
                        sleep_until(letter.arrives).await;
                        let Some(ear) = ear.upgrade() else { return };
                        ear.link.going().await;
                        ear.hear(sender, &letter);
                    }
                });
                sending
            };
            let senders = (0..nodes).map(wire).collect();
            Ear { node, link: Arc::clone(link), listener, subscription: AtomicU64::new(0), senders }
        });
        lock(&self.ears).push(Arc::clone(&ear));
        let delay = chance.millis(0..20);
        tokio::spawn(async move { ear.find(delay).await });
    }

    /// Sends a message to every node whose link is up.
    pub(crate) fn publish(&self, sender: Node, chance: &Chance, message: &Bytes) {
        for ear in &*lock(&self.ears) {
            let copies = if chance.in_thousand(50) { 2 } else { 1 };
            for _ in 0..copies {
                let arrives = Instant::now() + chance.millis(0..BUS_DELAY);
                let subscription = ear.subscription.load(Ordering::Relaxed);
                let letter = Letter { arrives, subscription, message: message.clone() };
                let _ = ear.senders[sender].send(letter);
            }
        }
    }
}

impl Ear {
    fn is_up(&self) -> bool {
        self.subscription.load(Ordering::Relaxed) % 2 == 1
    }

    fn history(&self) -> &History {
        &self.link.history
    }

    fn hear(&self, sender: Node, letter: &Letter) {
        if self.is_up() && letter.subscription == self.subscription.load(Ordering::Relaxed) {
            self.history().record(Event::Heard { node: self.node, sender });
            self.listener.message(&letter.message);
        }
    }

    /// Loses the link and restores it.
    pub(crate) async fn lose(&self, chance: &Chance) {
        if !self.is_up() {
            return;
        }
        self.subscription.fetch_add(1, Ordering::Relaxed);
        self.history().record(Event::BusLost { node: self.node });
        sleep(chance.millis(0..BUS_NOTICE)).await;
        self.link.going().await;
        self.history().record(Event::BusLostTold { node: self.node });
        self.listener.disconnected();
        let down = if chance.in_thousand(500) { 100 } else { 2_000 };
        sleep(chance.millis(0..down)).await;
        self.find(chance.millis(0..20)).await;
    }

    async fn find(&self, told_after: Duration) {
        self.link.going().await;
        self.subscription.fetch_add(1, Ordering::Relaxed);
        self.history().record(Event::BusFound { node: self.node });
        sleep(told_after).await;
        self.link.going().await;
        self.history().record(Event::BusFoundTold { node: self.node });
        self.listener.connected();
    }

    /// Ends the subscription for ever.
    pub(crate) fn deafen(&self) {
        if self.is_up() {
            self.subscription.fetch_add(1, Ordering::Relaxed);
        }
    }
}
