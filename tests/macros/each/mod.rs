//! `each`: functions over a list of ids, with an entry for each id.

mod directions;
mod fleet;
mod forms;
mod loads;
mod stale;
mod sync;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use larder::{Cache, cached};
use tokio::sync::Semaphore;

/// Records the requested lists. The value of an id is `id * 10` plus the number of writes since.
#[derive(Clone, Debug)]
pub(crate) struct Db(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cache: Cache,
    asked: Mutex<Vec<Vec<u64>>>,
    written: Mutex<u64>,
    failing: Mutex<bool>,
    /// Loads wait here after their read.
    gate: Semaphore,
    arrived: Semaphore,
}

impl Db {
    pub(crate) fn new() -> Self {
        Self::on(Cache::builder().build().unwrap())
    }

    pub(crate) fn on(cache: Cache) -> Self {
        Self(Arc::new(Inner {
            cache,
            asked: Mutex::default(),
            written: Mutex::default(),
            failing: Mutex::default(),
            gate: Semaphore::new(1 << 20),
            arrived: Semaphore::new(0),
        }))
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.0.cache
    }

    /// The lists that loads requested since the last call, sorted.
    pub(crate) fn asked(&self) -> Vec<Vec<u64>> {
        let mut asked = std::mem::take(&mut *self.0.asked.lock().unwrap());
        asked.iter_mut().for_each(|ids| ids.sort_unstable());
        asked
    }

    pub(crate) fn write(&self) {
        *self.0.written.lock().unwrap() += 1;
    }

    pub(crate) fn fail(&self, failing: bool) {
        *self.0.failing.lock().unwrap() = failing;
    }

    /// Makes loads wait from now on.
    pub(crate) fn hold(&self) {
        self.0.gate.forget_permits(1 << 20);
    }

    pub(crate) async fn arrived(&self, loads: u32) {
        self.0.arrived.acquire_many(loads).await.unwrap().forget();
    }

    pub(crate) fn release(&self) {
        self.0.gate.add_permits(1 << 20);
    }

    /// Ids above 99 have no value.
    pub(crate) async fn fetch(&self, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
        self.0.asked.lock().unwrap().push(ids.to_vec());
        let (failing, written) = (*self.0.failing.lock().unwrap(), *self.0.written.lock().unwrap());
        self.0.arrived.add_permits(1);
        let _open = self.0.gate.acquire().await.unwrap();
        match failing {
            true => Err("down".into()),
            false => Ok(of(ids.iter().filter(|id| **id < 100), |id| id * 10 + written)),
        }
    }
}

pub(crate) fn of<'a>(
    ids: impl IntoIterator<Item = &'a u64>,
    value: impl Fn(u64) -> u64,
) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (*id, value(*id))).collect()
}

/// The ids times ten: the values in the database before any write.
pub(crate) fn tens(ids: &[u64]) -> HashMap<u64, u64> {
    of(ids, |id| id * 10)
}

#[cached(each = "id in ids", key = "value:{id}", tags = ["values", "value:{id}"], ttl = "5m", cache = db.cache(), skip(db))]
pub(crate) async fn values(db: &Db, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
    db.fetch(ids).await
}

#[cached(key = "value:{id}", tags = ["values", "value:{id}"], ttl = "5m", cache = db.cache(), skip(db))]
pub(crate) async fn value(db: &Db, id: u64) -> Result<u64, String> {
    db.fetch(&[id]).await?.remove(&id).ok_or_else(|| "none".to_owned())
}
