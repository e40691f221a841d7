//! The origin of the cached values: versions that mutators increment. A load takes time, fails, hangs or is dropped.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::chance::Chance;
use super::history::{Event, History, Key, Node, Outcome, ValueId};
use super::weather::{HANG, LEASE, LOAD, Weather};

/// A value that carries its origin, even in the store's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Value {
    pub(crate) key: Key,
    pub(crate) version: u64,
    text: String,
}

const BEFORE: &str = "value<";

impl Value {
    fn new(id: ValueId, key: Key, version: u64) -> Self {
        Self { key, version, text: format!("{BEFORE}{id}>") }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        stored_value(self.text.as_bytes())
            .map_or(Outcome::Failed, |id| Outcome::Value(id, self.key))
    }
}

/// Returns the id of the value in these bytes.
pub(crate) fn stored_value(bytes: &[u8]) -> Option<ValueId> {
    let at = bytes.windows(BEFORE.len()).position(|window| window == BEFORE.as_bytes())?;
    let digits: Vec<u8> =
        bytes[at + BEFORE.len()..].iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

pub(crate) struct Origin {
    versions: Mutex<Vec<u64>>,
    values: AtomicU64,
    chance: Arc<Chance>,
    history: Arc<History>,
    weather: Weather,
}

/// Records how a load ended, including a drop.
struct Loading<'a> {
    history: &'a History,
    load: ValueId,
    outcome: Outcome,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.history.record(Event::LoadEnded { load: self.load, outcome: self.outcome });
    }
}

impl Origin {
    pub(crate) fn new(
        keys: usize,
        weather: Weather,
        chance: &Arc<Chance>,
        history: &Arc<History>,
    ) -> Self {
        let (chance, history) = (Arc::clone(chance), Arc::clone(history));
        let versions = Mutex::new(vec![0; keys]);
        Self { versions, values: AtomicU64::new(1), chance, history, weather }
    }

    fn version(&self, key: Key, by: u64) -> u64 {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions[key as usize] += by;
        versions[key as usize]
    }

    fn value(&self) -> ValueId {
        self.values.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes as a mutator does, and returns the value to put.
    pub(crate) fn write(&self, key: Key) -> Value {
        let version = self.version(key, 1);
        self.history.record(Event::Written { key, version });
        Value::new(self.value(), key, version)
    }

    pub(crate) async fn load(&self, read: u64, node: Node, key: Key) -> Result<Value, String> {
        let mut values = self.load_many(node, vec![(read, key)]).await?;
        values.pop().ok_or_else(|| "nothing was loaded".to_owned())
    }

    /// One load of several keys, each for its read.
    pub(crate) async fn load_many(
        &self,
        node: Node,
        wanted: Vec<(u64, Key)>,
    ) -> Result<Vec<Value>, String> {
        let mut loadings = Vec::new();
        for (read, key) in wanted {
            let (load, version) = (self.value(), self.version(key, 0));
            self.history.record(Event::LoadBegan { load, read, node, key, version });
            let loading = Loading { history: &self.history, load, outcome: Outcome::Cancelled };
            loadings.push((loading, Value::new(load, key, version)));
        }
        let (chance, weather) = (&self.chance, &self.weather);
        let fails = chance.in_thousand(weather.load_failures);
        let takes = match chance.among(0..20) {
            // Hangs, or takes a little too long, so that other callers are still there when the value arrives late.
            draw if chance.in_thousand(weather.load_hangs) => match draw {
                0..10 => chance.millis(LEASE..LEASE + 500),
                _ => chance.millis(HANG..HANG + LOAD),
            },
            0..5 if weather.slow => chance.millis(500..LOAD),
            0 if chance.in_thousand(300) => chance.millis(500..LOAD),
            0 | 1 => chance.millis(100..500),
            2..8 => chance.millis(20..100),
            _ => chance.millis(0..20),
        };
        sleep(takes).await;
        let outcome = if fails { Outcome::Failed } else { Outcome::Ok };
        loadings.iter_mut().for_each(|(loading, _)| loading.outcome = outcome);
        let values = loadings.into_iter().map(|(_, value)| value).collect();
        if fails { Err("the origin failed".to_owned()) } else { Ok(values) }
    }
}
