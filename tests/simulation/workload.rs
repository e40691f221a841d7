//! The operations of clients on the nodes, and the faults of the weather.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use larder::backend::{Backend, MemoryBackend};
use tokio::time::{sleep, timeout};

use super::bus::Bus;
use super::chance::Chance;
use super::history::{Event, History, Key, Outcome, What};
use super::link::Outage;
use super::node::{ALL_KEYS, KEYS, Node, name};
use super::weather::Weather;

/// How many operations each client runs.
const STEPS: u64 = 22;
/// The time over which faults are spread, in milliseconds.
const LAST: u64 = 1_300;

/// One client: runs its operations one after the other.
pub(crate) struct Client {
    pub(crate) node: Arc<Node>,
    pub(crate) keys: u64,
    /// The longest pause between two operations, in milliseconds.
    pub(crate) pause: u64,
    pub(crate) weather: Weather,
}

impl Client {
    pub(crate) async fn run(self, chance: Arc<Chance>) {
        for _ in 0..STEPS {
            sleep(chance.millis(0..self.pause)).await;
            self.node.link.going().await;
            self.step(&chance).await;
        }
    }

    async fn step(&self, chance: &Chance) {
        if self.weather.batches && chance.in_thousand(750) {
            return self.step_of_batches(chance).await;
        }
        let node = &self.node;
        // The key that is read through a function, or one of the first others.
        let key = KEYS as u64 - 1 - chance.among(0..self.keys);
        let patience = self.patience(chance);
        let changing = self.weather.busy && chance.in_thousand(350);
        match chance.among(0..100) {
            _ if changing => mutate(node, key, chance, patience, true).await,
            0..62 => {
                let (refresh, owned) = (chance.in_thousand(60), chance.in_thousand(500));
                bounded(patience, node.get_or_load(key, refresh, owned)).await;
            }
            62..67 => bounded(patience, node.peek(key)).await,
            67..70 => bounded(patience, node.peek_stale(key)).await,
            70..72 if node.rules[key as usize].is_long() => {
                bounded(patience, node.evict(What::Life(key), None)).await;
            }
            // A rewritten value has a new life, too.
            72..74 if node.rules[key as usize].is_long() => {
                bounded(patience, node.rewrite(key)).await;
            }
            74..75 => bounded(patience, node.take(key)).await,
            70..77 => {
                let all: Vec<Key> = (0..KEYS as u64).collect();
                bounded(patience, node.peek_many(&all)).await;
            }
            _ => mutate(node, key, chance, patience, self.weather.busy).await,
        }
    }
}

impl Client {
    fn patience(&self, chance: &Chance) -> Option<Duration> {
        let cancels = chance.in_thousand(self.weather.cancellations);
        cancels.then(|| chance.millis(0..80))
    }

    /// An operation on the keys that batches load: those of several clients and nodes overlap, in any order.
    async fn step_of_batches(&self, chance: &Chance) {
        let node = &self.node;
        let mut keys: Vec<Key> = (KEYS as u64..ALL_KEYS as u64).collect();
        for at in 1..keys.len() as u64 {
            keys.swap(at as usize, chance.among(0..at + 1) as usize);
        }
        let (key, patience) = (keys[0], self.patience(chance));
        match chance.among(0..100) {
            0..60 => {
                keys.truncate(chance.among(1..keys.len() as u64 + 1) as usize);
                bounded(patience, node.load_many(&keys)).await;
            }
            60..70 => bounded(patience, node.get_or_load(key, false, true)).await,
            70..76 => bounded(patience, node.peek_many(&keys)).await,
            _ => mutate(node, key, chance, patience, self.weather.busy).await,
        }
    }
}

async fn bounded(patience: Option<Duration>, work: impl Future<Output = ()>) {
    match patience {
        Some(patience) => drop(timeout(patience, work).await),
        None => work.await,
    }
}

async fn mutate(
    node: &Node,
    key: Key,
    chance: &Chance,
    patience: Option<Duration>,
    mostly_puts: bool,
) {
    let value = node.origin.write(key);
    let tag = if chance.in_thousand(500) { "red" } else { "blue" };
    let what = match chance.among(0..if mostly_puts { 34 } else { 20 }) {
        0..4 => What::Key(key),
        4..5 => What::Stale(key),
        5..6 => What::StaleTag(tag),
        6..7 => match chance.in_thousand(500) {
            true => What::StalePattern,
            false => What::StaleAll,
        },
        7..11 => What::Tag(tag),
        11..13 => What::Pattern,
        13..15 => What::Clear,
        _ => match value.outcome() {
            Outcome::Value(id, _) => What::Put(key, id),
            _ => What::Key(key),
        },
    };
    let value = matches!(what, What::Put(..)).then_some(value);
    bounded(patience, node.evict(what, value)).await;
}

/// The faults of a run, each at a random time.
pub(crate) struct Troubles {
    pub(crate) nodes: Vec<Arc<Node>>,
    pub(crate) clients: Vec<Vec<tokio::task::AbortHandle>>,
    pub(crate) bus: Arc<Bus>,
    pub(crate) store: MemoryBackend,
    pub(crate) chance: Arc<Chance>,
    pub(crate) history: Arc<History>,
}

impl Troubles {
    /// Runs all faults of the weather; ends with the last one.
    pub(crate) async fn run(self, weather: Weather) {
        let this = Arc::new(self);
        let mut under_way = tokio::task::JoinSet::new();
        let mut at = |work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            let moment = this.chance.millis(0..LAST);
            under_way.spawn(async move {
                sleep(moment).await;
                work.await;
            });
        };
        let some = |most: u64| this.chance.among(0..most + 1);
        for _ in 0..some(weather.outages) {
            at(Box::pin(Arc::clone(&this).outage()));
        }
        for _ in 0..some(weather.bus_losses) {
            at(Box::pin(Arc::clone(&this).bus_loss()));
        }
        for _ in 0..some(weather.pauses) {
            at(Box::pin(Arc::clone(&this).pause()));
        }
        for _ in 0..some(weather.kills) {
            at(Box::pin(Arc::clone(&this).kill()));
        }
        for _ in 0..some(weather.forgettings) {
            at(Box::pin(Arc::clone(&this).forgetting()));
        }
        while under_way.join_next().await.is_some() {}
    }

    fn node(&self) -> &Arc<Node> {
        self.chance.pick(&self.nodes)
    }

    /// An outage of one node's link, or of the store for all nodes.
    async fn outage(self: Arc<Self>) {
        let outage = *self.chance.pick(&[Outage::Refused, Outage::Swallowed, Outage::Unanswered]);
        let span = self.chance.millis(50..1_500);
        if self.chance.in_thousand(400) {
            self.nodes.iter().for_each(|node| node.link.fail(outage, span));
        } else {
            self.node().link.fail(outage, span);
        }
        sleep(span).await;
    }

    async fn bus_loss(self: Arc<Self>) {
        let node = self.node().number;
        if let Some(ear) = self.bus.ear(node) {
            // For ever, if the node is killed meanwhile.
            let _ = timeout(Duration::from_secs(20), ear.lose(&self.chance)).await;
        }
    }

    async fn pause(self: Arc<Self>) {
        let (node, span) = (self.node(), self.chance.millis(20..4_000));
        if node.link.is_paused() || node.link.is_cut() {
            return;
        }
        self.history.record(Event::Paused { node: node.number });
        node.link.pause(span);
        sleep(span).await;
        self.history.record(Event::Resumed { node: node.number });
    }

    async fn kill(self: Arc<Self>) {
        let node = self.node();
        if node.link.is_cut() {
            return;
        }
        self.history.record(Event::Killed { node: node.number });
        node.link.cut();
        if let Some(ear) = self.bus.ear(node.number) {
            ear.deafen();
        }
        self.clients[node.number].iter().for_each(tokio::task::AbortHandle::abort);
    }

    /// The store loses a value or a generation, as after an eviction for room or a failover.
    async fn forgetting(self: Arc<Self>) {
        let place = match self.chance.among(0..6) {
            0 => "sim~space".to_owned(),
            1 => "sim~tag:red".to_owned(),
            2 => "sim~tag:blue".to_owned(),
            _ => format!("sim:{}", name(self.chance.among(0..ALL_KEYS as u64))),
        };
        let _ = self.store.remove(&[&place], None).await;
        self.history.record(Event::Forgotten { place });
    }
}
