//! The remote tier as one node sees it: the shared store, over the link of the node.

use std::sync::Arc;
use std::time::Duration;

use larder::{
    Pattern,
    backend::{
        Backend, BackendError, BackendResult, LeaseOutcome, LeaseRequest, Leases, MemoryBackend,
        Message, MessageHandler, RevokePage, ScanPage, SetEntry, StoredValue, Subscription,
        VERSION_LEN,
    },
};

use super::bus::Bus;
use super::chance::Chance;
use super::history::{Event, Key};
use super::link::Link;
use super::node::key_at;
use super::origin::stored_value;

#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) link: Arc<Link>,
    pub(crate) store: MemoryBackend,
    pub(crate) bus: Arc<Bus>,
    pub(crate) chance: Arc<Chance>,
    pub(crate) nodes: usize,
    pub(crate) has_leases: bool,
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn borrowed(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

impl Remote {
    fn publish(&self, notice: Option<&Message>) {
        if let Some(notice) = notice {
            self.bus.publish(self.link.node, &self.chance, &notice.message);
        }
    }

    /// Sends an operation that stores nothing. `work` runs at the store and takes no time there.
    fn ask<'a, T, W>(
        &'a self,
        name: &'static str,
        work: impl FnOnce(Self) -> W + Send + 'a,
    ) -> BackendResult<'a, T>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, BackendError>> + Send + 'static,
    {
        let work = work(self.clone());
        Box::pin(self.link.send((name, None), async move { (work.await, None) }))
    }
}

impl Backend for Remote {
    fn name(&self) -> &str {
        "simulated"
    }

    fn get_many<'a>(
        &'a self,
        keys: &'a [&'a str],
        most: usize,
    ) -> BackendResult<'a, Vec<Option<StoredValue>>> {
        let keys = owned(keys);
        self.ask("get", move |at| async move { at.store.get_many(&borrowed(&keys), most).await })
    }

    fn set<'a>(
        &'a self,
        entries: &'a [SetEntry],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, ()> {
        let (at, entries, notice) = (self.clone(), entries.to_vec(), notice.cloned());
        let value = entries.first().and_then(|write| stored_value(&write.value));
        Box::pin(self.link.send(("set", value), async move {
            let set = at.store.set(&entries, None).await;
            at.publish(notice.as_ref());
            (set, value)
        }))
    }

    fn replace<'a>(
        &'a self,
        seen: [u8; VERSION_LEN],
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        let (at, write, notice) = (self.clone(), write.clone(), notice.cloned());
        let value = stored_value(&write.value);
        Box::pin(self.link.send(("replace", value), async move {
            let replaced = at.store.replace(seen, &write, None).await;
            let stored = matches!(replaced, Ok(true));
            if stored {
                at.publish(notice.as_ref());
            }
            (replaced, value.filter(|_| stored))
        }))
    }

    fn remove<'a>(
        &'a self,
        keys: &'a [&'a str],
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, u64> {
        let (keys, notice) = (owned(keys), notice.cloned());
        self.ask("remove", |at| async move {
            let removed = at.store.remove(&borrowed(&keys), None).await;
            let mut gone: Vec<Key> = keys.iter().filter_map(|place| key_at(place)).collect();
            // The order of pending removals differs from run to run.
            gone.sort_unstable();
            gone.into_iter().for_each(|key| at.link.history.record(Event::Removed { key }));
            at.publish(notice.as_ref());
            removed
        })
    }

    fn generations<'a>(
        &'a self,
        keys: &'a [&'a str],
        keep: Duration,
    ) -> BackendResult<'a, Vec<u64>> {
        let keys = owned(keys);
        self.ask("generations", move |at| async move {
            at.store.generations(&borrowed(&keys), keep).await
        })
    }

    fn prolong<'a>(&'a self, seen: &'a [(&'a str, u64)], keep: Duration) -> BackendResult<'a, ()> {
        let seen: Vec<(String, u64)> =
            seen.iter().map(|(key, number)| ((*key).to_owned(), *number)).collect();
        self.ask("prolong", move |at| async move {
            let seen: Vec<(&str, u64)> =
                seen.iter().map(|(key, number)| (key.as_str(), *number)).collect();
            at.store.prolong(&seen, keep).await
        })
    }

    fn bump<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        let key = key.to_owned();
        self.ask("bump", |at| async move { at.store.bump(&key).await })
    }

    fn bump_softly<'a>(&'a self, key: &'a str) -> BackendResult<'a, u64> {
        let key = key.to_owned();
        self.ask("bump", |at| async move { at.store.bump_softly(&key).await })
    }

    fn scan<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, ScanPage> {
        let pattern = pattern.clone();
        self.ask("scan", move |at| async move { at.store.scan(&pattern, cursor).await })
    }

    fn publish<'a>(&'a self, notice: &'a Message) -> BackendResult<'a, ()> {
        let notice = notice.clone();
        self.ask("publish", |at| async move {
            at.publish(Some(&notice));
            Ok(())
        })
    }

    fn subscribe(
        &self,
        _: &str,
        listener: Arc<dyn MessageHandler>,
    ) -> Result<Subscription, BackendError> {
        self.bus.subscribe(&self.link, self.nodes, &self.chance, listener);
        Ok(Subscription::new(()))
    }

    fn leases(&self) -> Option<&dyn Leases> {
        self.has_leases.then_some(self)
    }

    fn ping(&self) -> BackendResult<'_, ()> {
        self.ask("ping", |_| async { Ok(()) })
    }
}

impl Leases for Remote {
    fn acquire<'a>(&'a self, request: LeaseRequest<'a>) -> BackendResult<'a, LeaseOutcome> {
        let LeaseRequest { token, ttl, seen, generation, steal, most, .. } = request;
        let key = request.key.to_owned();
        self.ask("acquire", move |at| async move {
            let request = LeaseRequest::new(&key, token, ttl)
                .seen(seen)
                .generation(generation)
                .steal(steal)
                .most(most);
            at.store.acquire(request).await
        })
    }

    fn commit<'a>(
        &'a self,
        token: u64,
        write: &'a SetEntry,
        notice: Option<&'a Message>,
    ) -> BackendResult<'a, bool> {
        let (at, write, notice) = (self.clone(), write.clone(), notice.cloned());
        let value = stored_value(&write.value);
        Box::pin(self.link.send(("commit", value), async move {
            let committed = at.store.commit(token, &write, None).await;
            let stored = matches!(committed, Ok(true));
            if stored {
                at.publish(notice.as_ref());
            }
            (committed, value.filter(|_| stored))
        }))
    }

    fn renew<'a>(&'a self, key: &'a str, token: u64, ttl: Duration) -> BackendResult<'a, bool> {
        let key = key.to_owned();
        self.ask("renew", move |at| async move { at.store.renew(&key, token, ttl).await })
    }

    fn abort<'a>(&'a self, key: &'a str, token: u64) -> BackendResult<'a, ()> {
        let key = key.to_owned();
        self.ask("abort", move |at| async move { at.store.abort(&key, token).await })
    }

    fn revoke<'a>(&'a self, pattern: &'a Pattern, cursor: u64) -> BackendResult<'a, RevokePage> {
        let pattern = pattern.clone();
        self.ask("revoke", move |at| async move { at.store.revoke(&pattern, cursor).await })
    }
}
