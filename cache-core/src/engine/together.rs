//! The requests that the items of a batch send together: one for each thousand items.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::handle::Engine;
use super::table::{Registered, Reply};
use crate::base::BackendError;
use crate::remote::{Committing, Wanted, Writing};

/// The most items of one request. A request for more would take longer than one operation may.
pub(crate) const TOGETHER: usize = 1_000;

/// An item that reads a key, or only the generations of its tags.
pub(super) struct Request {
    pub(super) key: String,
    pub(super) tags: Vec<String>,
    /// How long generations are kept that are created for its load.
    pub(super) keep: Duration,
}

impl Request {
    fn wanted(&self) -> Wanted<'_> {
        Wanted { key: &self.key, tags: self.tags.iter().map(String::as_str).collect() }
    }
}

/// An item whose value goes to the remote tier.
pub(super) struct Value {
    pub(super) key: String,
    pub(super) writing: Writing,
    /// The token that holds the lease of the key, if the load ran under one.
    pub(super) token: Option<u64>,
}

/// An item that renews its lease.
pub(super) struct Renewal {
    pub(super) key: String,
    pub(super) token: u64,
    pub(super) ttl: Duration,
    pub(super) answer: oneshot::Sender<Result<bool, BackendError>>,
}

/// The items of each request, in order.
pub(super) fn parts<T>(mut items: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    std::iter::from_fn(move || {
        let rest = items.split_off(items.len().min(TOGETHER));
        Some(std::mem::replace(&mut items, rest)).filter(|part| !part.is_empty())
    })
}

/// Reads values and generations.
pub(super) async fn read(engine: Arc<Engine>, reads: Vec<Registered<Request, Reply>>) {
    let Some(remote) = &engine.remote else { return };
    for part in parts(reads) {
        let wanted: Vec<Wanted<'_>> = part.iter().map(|one| one.question.wanted()).collect();
        let keep = longest(part.iter().map(|one| one.question.keep));
        let found = remote.read_each(&wanted, keep, &engine.generations).await;
        answer(part, found);
    }
}

/// Reads generations.
pub(super) async fn learn(engine: Arc<Engine>, tags: Vec<Registered<Request, Reply>>) {
    let Some(remote) = &engine.remote else { return };
    for part in parts(tags) {
        let wanted: Vec<Wanted<'_>> = part.iter().map(|one| one.question.wanted()).collect();
        let keep = longest(part.iter().map(|one| one.question.keep));
        let found = remote.learn_each(&wanted, keep, &engine.generations).await;
        answer(part, found);
    }
}

pub(super) fn longest(keep: impl Iterator<Item = Duration>) -> Duration {
    keep.max().unwrap_or_default()
}

fn answer<T>(
    part: Vec<Registered<Request, Result<T, BackendError>>>,
    found: Result<Vec<T>, BackendError>,
) {
    part.into_iter().zip(answers(found)).for_each(|(one, found)| one.item.goes_on(found));
}

/// The answers to the items of a request. If it failed, each of them failed.
pub(super) fn answers<T>(
    found: Result<Vec<T>, BackendError>,
) -> impl Iterator<Item = Result<T, BackendError>> {
    let (found, error) = match found {
        Ok(found) => (found, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut found = found.into_iter().map(Ok);
    std::iter::from_fn(move || match &error {
        None => found.next(),
        Some(error) => Some(Err(error.clone())),
    })
}

/// Stores values, those with a lease under it.
pub(super) async fn write(
    engine: Arc<Engine>,
    writes: Vec<Registered<Value, Result<bool, BackendError>>>,
) {
    let Some(remote) = &engine.remote else { return };
    for part in parts(writes) {
        let (mut plain, mut leased) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        for Registered { question: Value { key, writing, token }, item } in part {
            match token {
                None => {
                    plain.0.push((key, writing));
                    plain.1.push(item);
                }
                Some(token) => {
                    leased.0.push(Committing { key, token, writing });
                    leased.1.push(item);
                }
            }
        }
        if !plain.0.is_empty() {
            let stored = remote.write_each(plain.0).await;
            let stored = stored.into_iter().map(|stored| stored.map(|()| true));
            plain.1.into_iter().zip(stored).for_each(|(item, stored)| item.ends(stored));
        }
        if !leased.0.is_empty() {
            let stored = remote.commit_each(leased.0).await;
            leased.1.into_iter().zip(stored).for_each(|(item, stored)| item.ends(stored));
        }
    }
}

/// Renews leases.
pub(super) async fn renew(engine: Arc<Engine>, mut renewals: Vec<Renewal>) {
    let Some(remote) = &engine.remote else { return };
    // Of the others the load has ended.
    renewals.retain(|renewal| !renewal.answer.is_closed());
    for part in parts(renewals) {
        let leases = part.iter().map(|one| (one.key.as_str(), one.token, one.ttl));
        let leases: Vec<_> = leases.collect();
        let renewed = remote.renew_each(&leases).await;
        for (renewal, renewed) in part.into_iter().zip(renewed) {
            let _ = renewal.answer.send(renewed);
        }
    }
}

/// Ends leases, so that the next load does not wait until they expire.
pub(super) async fn abort(engine: Arc<Engine>, aborts: Vec<(String, u64)>) {
    let Some(remote) = &engine.remote else { return };
    for part in aborts.chunks(TOGETHER) {
        let leases: Vec<_> = part.iter().map(|(key, token)| (key.as_str(), *token)).collect();
        remote.abort_each(&leases).await;
    }
}
