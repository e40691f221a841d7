//! One node: a whole cache, and the operations of its clients, each of them recorded.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Cache, Policy, Tiers, TimedOut, cached};

use super::chance::Chance;
use super::history::{Event, History, How, Key, Node as Number, Outcome, What};
use super::link::Link;
use super::origin::{Origin, Value};
use super::weather::LEASE;

pub(crate) const KEYS: usize = 4;
/// Read through an attributed function; the other keys are read through methods of the cache.
const CALLED: Key = 3;

/// With those that a batch reads, too, in the runs that have batches. They are cached as the one that is called.
pub(crate) const ALL_KEYS: usize = 8;

const TAGS: [&[&str]; KEYS] = [&[], &["red"], &["red", "blue"], &["blue"]];

pub(crate) fn tags(key: Key) -> &'static [&'static str] {
    TAGS[key.min(CALLED) as usize]
}

pub(crate) fn name(key: Key) -> String {
    if key > CALLED { format!("rk{key}") } else { format!("k{key}") }
}

/// The key with this place in the store.
pub(crate) fn key_at(place: &str) -> Option<Key> {
    let (_, number) = place.rsplit_once('k')?;
    number.parse().ok().filter(|key| place.ends_with(&format!(":{}", name(*key))))
}

/// The soft timeout of the function in milliseconds: how long a caller waits for its load if there is an old value.
pub(crate) const PATIENT: u64 = 60;

static POLICY: Policy = Policy::new()
    .ttl(Duration::from_secs(3))
    .stale(Duration::from_secs(2))
    .stale_if_error(Duration::from_secs(5))
    .soft_timeout(Duration::from_millis(PATIENT))
    .hard_timeout(Duration::from_secs(4))
    .lease(Duration::from_millis(LEASE))
    .tags(TAGS[CALLED as usize]);

/// An error that can be shared.
#[derive(Clone, Debug)]
pub(crate) struct Fault;

impl From<TimedOut> for Fault {
    fn from(_: TimedOut) -> Self {
        Self
    }
}

#[cached(policy = POLICY, key = "k{key}", skip(node, read), cache = node.cache)]
async fn called(node: Arc<Node>, read: u64, key: Key) -> Result<Value, Fault> {
    node.origin.load(read, node.number, key).await.map_err(|_| Fault)
}

#[cached(each = "key in keys", policy = POLICY, key = "rk{key}", skip(node, reads), cache = node.cache)]
async fn batched(
    node: Arc<Node>,
    reads: Vec<(u64, Key)>,
    keys: &[Key],
) -> Result<HashMap<Key, Value>, Fault> {
    let wanted = reads.iter().filter(|(_, key)| keys.contains(key)).copied().collect();
    let values = node.origin.load_many(node.number, wanted).await.map_err(|_| Fault)?;
    Ok(values.into_iter().map(|value| (value.key, value)).collect())
}

/// How all nodes cache the values of one key.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    /// The longest time for which a value is served, in milliseconds.
    pub(crate) life: u64,
    /// In memory only: other nodes learn of evictions, but not of puts.
    pub(crate) local: bool,
}

pub(crate) fn draw_rules(key: Key, chance: &Chance) -> Rules {
    if key >= CALLED {
        return Rules { policy: POLICY, life: 8_000, local: false };
    }
    let ttl = *chance.pick(&[300, 3_000, 60_000]);
    let millis = Duration::from_millis;
    let policy = Policy::new().ttl(millis(ttl)).lease(millis(LEASE)).tags(tags(key));
    let (policy, window) = match chance.among(0..6) {
        0 | 1 => (policy, 0),
        2 => (policy.stale(millis(2_000)), 2_000),
        3 => (policy.stale_if_error(millis(5_000)).throttle(millis(200)), 5_000),
        4 => (policy.early_refresh(3.0).jitter(0.2), 0),
        _ => {
            let policy = policy.stale(millis(1_000)).stale_if_error(millis(5_000));
            (policy.soft_timeout(millis(50)), 5_000)
        }
    };
    let local = chance.in_thousand(150);
    let policy = if local { policy.local() } else { policy };
    Rules { policy, life: ttl + window, local }
}

/// Values that are fresh for a minute get this ttl. (Runs are shorter, so the change makes no value older.)
const SHORTER: Duration = Duration::from_secs(5);

impl Rules {
    pub(crate) fn is_long(&self) -> bool {
        self.life >= 60_000
    }
}

pub(crate) struct Node {
    pub(crate) number: Number,
    pub(crate) cache: Cache,
    pub(crate) link: Arc<Link>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) history: Arc<History>,
    pub(crate) rules: Vec<Rules>,
    /// Whether operations may leave a tier out: reads of another tier do not find what they put.
    pub(crate) any_tiers: bool,
    pub(crate) operations: Arc<AtomicU64>,
}

/// Records how a read or an eviction ended, including a drop.
struct Ending<'a> {
    history: &'a History,
    ended: Box<dyn Fn(Outcome) -> Vec<Event> + Send + Sync>,
    outcome: Outcome,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        for event in (self.ended)(self.outcome) {
            self.history.record(event);
        }
    }
}

fn outcome<E>(result: &Result<Value, E>) -> Outcome {
    result.as_ref().map_or(Outcome::Failed, Value::outcome)
}

fn found(read: Result<Option<Value>, larder::Error>) -> Outcome {
    match read {
        Ok(Some(value)) => value.outcome(),
        Ok(None) => Outcome::Nothing,
        Err(_) => Outcome::Failed,
    }
}

impl Node {
    fn next(&self) -> u64 {
        self.operations.fetch_add(1, Ordering::Relaxed)
    }

    /// The tiers of an operation. A value of a key that is local must not be where other nodes find it.
    fn tiers(&self, key: Key, operation: u64) -> Tiers {
        match operation % 7 {
            _ if self.rules[key as usize].local => Tiers::Memory,
            0 if self.any_tiers => Tiers::Memory,
            1 if self.any_tiers => Tiers::Remote,
            _ => Tiers::All,
        }
    }

    fn read(&self, key: Key, how: How) -> (u64, Ending<'_>) {
        let read = self.next();
        self.history.record(Event::ReadStarted { read, node: self.number, key, how });
        let ended = Box::new(move |outcome| vec![Event::ReadEnded { read, outcome }]);
        (read, Ending { history: &self.history, ended, outcome: Outcome::Cancelled })
    }

    pub(crate) async fn get_or_load(self: &Arc<Self>, key: Key, refresh: bool, owned: bool) {
        let refresh = refresh && key == CALLED;
        let (read, mut ending) = self.read(key, if refresh { How::Refresh } else { How::Load });
        if key == CALLED {
            let call = called(Arc::clone(self), read, key);
            let call = if refresh { call.refresh() } else { call };
            ending.outcome = outcome(&call.await);
            return;
        }
        let (origin, number) = (Arc::clone(&self.origin), self.number);
        let policy = self.rules[key as usize].policy;
        let load = move || async move { origin.load(read, number, key).await };
        ending.outcome = outcome(&if owned {
            self.cache.entry(name(key)).policy(policy).or_refresh(load).await
        } else {
            self.cache.entry(name(key)).policy(policy).or_load(load).await
        });
    }

    pub(crate) async fn load_many(self: &Arc<Self>, keys: &[Key]) {
        let (mut reads, mut endings) = (Vec::new(), Vec::new());
        for key in keys {
            let (read, ending) = self.read(*key, How::Load);
            reads.push((read, *key));
            endings.push(ending);
        }
        let loaded = batched(Arc::clone(self), reads, keys).await;
        for (key, ending) in keys.iter().zip(&mut endings) {
            let value = loaded.as_ref().ok().and_then(|loaded| loaded.get(key));
            ending.outcome = value.map_or(Outcome::Failed, Value::outcome);
        }
    }

    pub(crate) async fn peek(&self, key: Key) {
        let (read, mut ending) = self.read(key, How::Peek);
        ending.outcome = found(match self.tiers(key, read) {
            Tiers::All => self.cache.get::<Value>(name(key)).await,
            tiers => self.cache.entry(name(key)).tiers(tiers).get().await,
        });
    }

    pub(crate) async fn peek_stale(&self, key: Key) {
        let (_, mut ending) = self.read(key, How::PeekStale);
        let policy = self.rules[key as usize].policy;
        let entry = self.cache.entry(name(key)).policy(policy).accept_stale();
        ending.outcome = found(entry.get().await);
    }

    pub(crate) async fn peek_many(&self, keys: &[Key]) {
        let mut endings: Vec<_> = keys.iter().map(|key| self.read(*key, How::Peek).1).collect();
        let names: Vec<String> = keys.iter().map(|key| name(*key)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = self.cache.get_many::<Value>(&names).await;
        for (index, ending) in endings.iter_mut().enumerate() {
            ending.outcome = match &found {
                Ok(values) => values[index].as_ref().map_or(Outcome::Nothing, Value::outcome),
                Err(_) => Outcome::Failed,
            };
        }
    }

    /// Stores the value that there is, once more. An eviction in between must win.
    pub(crate) async fn rewrite(&self, key: Key) {
        let (_, mut ending) = self.read(key, How::Peek);
        let policy = self.rules[key as usize].policy;
        let entry = self.cache.entry(name(key)).policy(policy);
        ending.outcome = found(entry.update(|old: Option<Value>| old).await);
    }

    /// Reads a value and removes it. If there is none, nothing is evicted.
    pub(crate) async fn take(&self, key: Key) {
        let (_, mut read) = self.read(key, How::Peek);
        let (mut evictions, mut taken) = (Vec::new(), None);
        let remove = |old: Option<Value>| {
            taken = old;
            evictions.extend(taken.as_ref().map(|_| self.evicting(What::Key(key))));
            None
        };
        let done = self.cache.entry(name(key)).update(remove).await;
        read.outcome = found(done.map(|_| taken));
        let ended = if read.outcome == Outcome::Failed { Outcome::Failed } else { Outcome::Ok };
        evictions.iter_mut().for_each(|eviction| eviction.outcome = ended);
    }

    fn evicting(&self, what: What) -> Ending<'_> {
        let evict = self.next();
        self.history.record(Event::EvictStarted { evict, node: self.number, what });
        let ended = Box::new(move |outcome| vec![Event::EvictEnded { evict, outcome }]);
        Ending { history: &self.history, ended, outcome: Outcome::Cancelled }
    }

    /// Evicts; for `Put`, writes the value through.
    pub(crate) async fn evict(&self, what: What, value: Option<Value>) {
        let mut ending = self.evicting(what);
        let done = match (what, value) {
            (What::Put(key, _), Some(value)) => {
                let policy = self.rules[key as usize].policy;
                let tiers = self.tiers(key, self.next());
                self.cache.entry(name(key)).policy(policy).tiers(tiers).insert(value).await
            }
            (What::Key(key) | What::Put(key, _), _) => self.cache.remove(name(key)).await.map(drop),
            (What::Stale(key), _) => self.cache.mark_stale(name(key)).await.map(drop),
            (What::StalePattern, _) => self.cache.mark_pattern_stale("*k*").await.map(drop),
            (What::StaleTag(tag), _) => self.cache.mark_tag_stale(tag).await,
            (What::StaleAll, _) => self.cache.mark_all_stale().await,
            (What::Life(key), _) => self.cache.expire(name(key), SHORTER).await.map(drop),
            (What::Pattern, _) => self.cache.evict_pattern("*k*").await.map(drop),
            (What::Tag(tag), _) => self.cache.evict_tag(tag).await,
            (What::Clear, _) => self.cache.clear().await,
        };
        ending.outcome = if done.is_ok() { Outcome::Ok } else { Outcome::Failed };
    }
}
