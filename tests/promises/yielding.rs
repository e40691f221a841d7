//! A store that yields before and after each operation takes effect, so that a caller can be dropped in many places.

use std::sync::Arc;
use std::time::Duration;

use larder::{
    Pattern,
    backend::{
        Backend, BackendError, BackendResult, LeaseOutcome, LeaseRequest, Leases, MemoryBackend,
        Message, MessageHandler, RevokePage, ScanPage, SetEntry, StoredValue, Subscription,
    },
};

#[derive(Clone)]
pub(crate) struct Yielding(pub(crate) MemoryBackend);

/// A point at which an operation can be dropped.
async fn pause() {
    for _ in 0..2 {
        tokio::task::yield_now().await;
    }
}

macro_rules! late {
    ($operation:expr) => {
        Box::pin(async move {
            pause().await;
            let done = $operation.await;
            pause().await;
            done
        })
    };
}

impl Backend for Yielding {
    fn name(&self) -> &str {
        "yielding"
    }
    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        late!(self.0.get_many(keys, most))
    }
    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        late!(self.0.set(entries, notice))
    }
    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        late!(self.0.remove(keys, notice))
    }
    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        late!(self.0.generations(keys, keep))
    }
    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        late!(self.0.prolong(seen, keep))
    }
    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        late!(self.0.bump(key))
    }
    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        late!(self.0.scan(pattern, cursor))
    }
    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        late!(self.0.publish(notice))
    }
    fn subscribe(
        &self,
        channel: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        self.0.subscribe(channel, listener)
    }
    fn leases(&self) -> Option<&dyn Leases> {
        Some(self)
    }
    fn ping(&self) -> BackendResult<'_, ()> {
        late!(self.0.ping())
    }
}

impl Leases for Yielding {
    fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome> {
        late!(Leases::acquire(&self.0, request))
    }
    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        late!(self.0.commit(token, write, notice))
    }
    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        late!(self.0.renew(key, token, ttl))
    }
    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        late!(self.0.abort(key, token))
    }
    fn revoke<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, RevokePage> {
        late!(self.0.revoke(pattern, cursor))
    }
}
